// swift-tools-version: 6.3
import PackageDescription

let swiftSettings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
]

let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let collections: Target.Dependency = .product(name: "Collections", package: "swift-collections")
let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")

let package = Package(
    name: "quire",
    products: [
        .executable(name: "quire", targets: ["quire"]),
        .library(name: "QuireClient", targets: ["QuireClient"]),
        .executable(name: "quire-crash", targets: ["QuireCrash"]),
        .library(name: "QuireLossyDisk", type: .dynamic, targets: ["CLossyDisk"]),
    ],
    dependencies: [
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-http2", from: "1.46.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        // The three system libraries, each with the little C that Swift cannot import by itself.
        .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
        .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
        .systemLibrary(name: "CArchive", pkgConfig: "libarchive", providers: [.apt(["libarchive-dev"])]),

        // The protocol, pure: no I/O, no clock, no threads, no async.
        .target(name: "QuireCore", dependencies: [crypto, collections], swiftSettings: swiftSettings),

        // Bytes to messages and back: RESP, peer messages, context tokens.
        .target(name: "QuireWire", dependencies: ["QuireCore", crypto, nioCore], swiftSettings: swiftSettings),

        // Commit log, write buffer, partition files, recovery.
        .target(name: "QuireStorage", dependencies: ["QuireCore", "CSQLite", crypto], swiftSettings: swiftSettings),

        // Repositories, snapshots, restore, export.
        .target(
            name: "QuireArchive",
            dependencies: ["QuireCore", "QuireStorage", "CSQLite", "CZstd", "CArchive", crypto],
            swiftSettings: swiftSettings
        ),

        // The running node: event loops, storage shards, peer links, HTTP.
        .target(
            name: "QuireNode",
            dependencies: [
                "QuireCore", "QuireWire", "QuireStorage", "QuireArchive", crypto, collections, logging, nioCore,
                nioPosix,
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: swiftSettings
        ),

        // The Swift client: keys, contexts, siblings.
        .target(
            name: "QuireClient",
            dependencies: ["QuireCore", "QuireWire", nioCore, nioPosix],
            swiftSettings: swiftSettings
        ),

        // Whole clusters in one thread under virtual time.
        .target(name: "QuireSimulation", dependencies: ["QuireCore", collections], swiftSettings: swiftSettings),

        // The one executable.
        .executableTarget(
            name: "quire",
            dependencies: [
                "QuireArchive", "QuireClient", "QuireCore", "QuireNode", "QuireSimulation", "QuireStorage", "QuireWire",
                collections, logging, nioCore, nioPosix,
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Histogram", package: "hdrhistogram-swift"),
                .product(name: "NIOHPACK", package: "swift-nio-http2"),
                .product(name: "NIOHTTP2", package: "swift-nio-http2"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            swiftSettings: swiftSettings
        ),

        // Storage killed at random moments, on a disk that forgets what was not synced.
        .target(name: "CLossyDisk"),
        .executableTarget(
            name: "QuireCrash",
            dependencies: [
                "QuireCore", "QuireStorage", .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: swiftSettings
        ),

        // Tests, one target per target, and the rules of the house.
        .testTarget(name: "QuireCoreTests", dependencies: ["QuireCore", crypto], swiftSettings: swiftSettings),
        .testTarget(
            name: "QuireWireTests",
            dependencies: ["QuireCore", "QuireWire", crypto, nioCore],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "QuireStorageTests",
            dependencies: ["QuireCore", "QuireStorage", "CSQLite", crypto],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "QuireArchiveTests",
            dependencies: ["QuireArchive", "QuireCore", "QuireStorage", crypto],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "QuireClientTests",
            dependencies: ["QuireClient", "QuireCore", "QuireWire", nioCore, nioPosix],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "QuireCommandTests",
            dependencies: [
                "quire", "QuireCore", "QuireSimulation", "QuireWire", nioCore, nioPosix,
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
                .product(name: "NIOHPACK", package: "swift-nio-http2"),
                .product(name: "NIOHTTP2", package: "swift-nio-http2"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "QuireCrashTests",
            dependencies: ["QuireCrash", "QuireCore", "QuireStorage"],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "QuireNodeTests",
            dependencies: ["QuireArchive", "QuireCore", "QuireNode", "QuireStorage", "QuireWire", crypto, nioCore],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "QuireSimulationTests",
            dependencies: ["QuireCore", "QuireSimulation"],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "EndToEndTests",
            dependencies: ["quire", "QuireClient", "QuireCore", "QuireWire", nioCore, nioPosix],
            swiftSettings: swiftSettings
        ),
        .testTarget(name: "TidyTests", swiftSettings: swiftSettings),
    ],
    swiftLanguageModes: [.v6]
)
