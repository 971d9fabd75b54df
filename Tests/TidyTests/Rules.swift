import Testing

/// What each target may import besides the standard library: the table of the design, with the platform modules that a
/// shell needs to act.
enum ImportRule {
    private static let platform: Set<String> = ["Dispatch", "Foundation", "FoundationEssentials", "Glibc"]
    private static let collections: Set<String> = [
        "Collections", "DequeModule", "HeapModule", "OrderedCollections", "HashTreeCollections", "BitCollections",
    ]
    private static let pure = Self.collections.union(["Crypto"])
    private static let archive: Set<String> = [
        "AsyncHTTPClient", "CArchive", "CSQLite", "CZstd", "Crypto", "QuireCore", "QuireStorage",
    ]

    /// `nil`: the target may import whatever the manifest gives it.
    static func allowed(in target: String) -> (modules: Set<String>, prefixes: [String])? {
        switch target {
        case "QuireCore": (self.pure, [])
        case "QuireSimulation": (self.collections.union(["QuireCore"]), [])
        case "QuireWire": (["QuireCore", "NIOCore", "Crypto", "Foundation", "FoundationEssentials"], [])
        case "QuireStorage": (self.platform.union(["QuireCore", "CSQLite", "Crypto"]), [])
        case "QuireArchive": (self.platform.union(self.archive), [])
        case "QuireNode":
            (
                self.platform.union(self.pure).union([
                    "HTTPTypes", "Logging", "QuireArchive", "QuireCore", "QuireStorage", "QuireWire",
                    "ServiceLifecycle",
                ]),
                ["NIO", "Hummingbird"]
            )
        case "QuireClient": (self.platform.union(["QuireCore", "QuireWire", "Crypto"]), ["NIO"])
        case "QuireCrash": (self.platform.union(["ArgumentParser", "QuireCore", "QuireStorage"]), [])
        case "quire": nil
        default: ([], [])
        }
    }
}

/// Something that must not be written, and what to write instead.
struct Ban: Sendable, CustomTestStringConvertible {
    let needles: [String]
    let replacement: String
    /// Targets that are free to use it.
    let exceptTargets: Set<String>
    /// A line that also says this is fine.
    let unlessLineContains: String?

    var testDescription: String { self.needles.joined(separator: ", ") }

    init(
        _ needles: String...,
        insteadUse replacement: String,
        except targets: Set<String> = [],
        unlessLineContains exception: String? = nil
    ) {
        self.needles = needles
        self.replacement = replacement
        self.exceptTargets = targets
        self.unlessLineContains = exception
    }

    static let inSources = [
        Ban("Date()", insteadUse: "a clock that the shell passes in", except: ["quire", "QuireCrash"]),
        Ban("print(", insteadUse: "a logger, or the command's own output stream", except: ["quire", "QuireCrash"]),
        Ban("try!", insteadUse: "a typed throw, or a precondition with the values in its message"),
        Ban("as!", insteadUse: "an enum, or `as?` with a thrown error", except: ["quire"]),
        Ban(
            "import Synchronization",
            "Mutex<",
            "Mutex(",
            insteadUse: "a small class around pthread_mutex_t, or NIOLock: Mutex has false reports in ThreadSanitizer"
        ),
    ]

    /// The deterministic targets: same input, same output, in every process.
    static let inPureTargets = [
        Ban(
            ".random(",
            ".randomElement(",
            ".shuffled(",
            ".shuffle(",
            insteadUse: "a generator that was seeded by the caller: `using:`",
            unlessLineContains: "using:"
        ),
        Ban("SystemRandomNumberGenerator", insteadUse: "a generator that was seeded by the caller"),
        Ban("ContinuousClock", "SuspendingClock", "Task.sleep", insteadUse: "events that carry the time"),
        Ban("Task {", "Task.detached", "async ", insteadUse: "a synchronous machine that returns actions"),
    ]
}
