import Testing

/// Keeps the boundaries of the repository by reading its sources.
@Suite struct TidyTests {
    private let repository = RepositoryFiles()

    @Test func findsTheSourcesThatItChecks() throws {
        #expect(try self.repository.targets().contains("QuireCore"))
        #expect(try RepositoryFiles.sources.get().count > 10)
    }

    @Test func targetsImportOnlyWhatTheDesignAllows() throws {
        for file in try RepositoryFiles.sources.get() {
            guard let allowed = ImportRule.allowed(in: file.target) else { continue }
            for module in file.imports where !allowed.modules.contains(module) {
                let isAllowed = allowed.prefixes.contains { module.hasPrefix($0) }
                #expect(isAllowed, "\(file.path) imports \(module); \(file.target) may not")
            }
        }
    }

    @Test(arguments: Ban.inSources)
    func bannedWordsAreAbsent(_ ban: Ban) throws {
        for file in try RepositoryFiles.sources.get() where !ban.exceptTargets.contains(file.target) {
            self.expectAbsent(ban, in: file)
        }
    }

    @Test(arguments: Ban.inPureTargets)
    func pureTargetsAreDeterministic(_ ban: Ban) throws {
        let pure = ["QuireCore", "QuireSimulation"]
        for file in try RepositoryFiles.sources.get() where pure.contains(file.target) {
            self.expectAbsent(ban, in: file)
        }
    }

    @Test func functionsHaveAtMostSeventyLines() throws {
        for file in try self.allFiles() {
            for function in file.functions where function.lineCount > 70 {
                Issue.record("\(file.path):\(function.line) has \(function.lineCount) lines; split it")
            }
        }
    }

    @Test func filesHaveAtMostFiveHundredLines() throws {
        for file in try self.allFiles() where file.lines.count - 1 > 500 {
            Issue.record("\(file.path) has \(file.lines.count - 1) lines; give each type its own file")
        }
    }

    @Test func nothingIsLeftForLater() throws {
        // Written in halves, so that this file does not find itself.
        let marks = ["TO" + "DO", "FIX" + "ME"]
        for file in try self.allFiles() {
            for (index, line) in file.lines.enumerated() where marks.contains(where: { line.contains($0) }) {
                Issue.record("\(file.path):\(index + 1) leaves work for later; open an issue instead")
            }
        }
    }

    @Test func noPathNamesAMachine() throws {
        let paths = ["/wo" + "rk/", "/tmp/" + "dev-", "/ro" + "ot/", "/ho" + "me/"]
        for folder in ["Sources", "Tests", "Ops", "Archives"] {
            for file in try self.repository.texts(below: folder) {
                for (index, line) in file.lines.enumerated() where paths.contains(where: { line.contains($0) }) {
                    Issue.record("\(file.path):\(index + 1) names a path of one machine; take it from the environment")
                }
            }
        }
    }

    @Test func theTopOfTheRepositoryHoldsOnlyWhatTheDesignNames() throws {
        let allowed: Set<String> = [
            "Package.swift", "Package.resolved", "Sources", "Tests", "Ops", "Archives", "README.md", "LICENSE",
        ]
        let entries = try self.repository.topLevelEntries()
        #expect(entries.isSuperset(of: ["Package.swift", "Sources", "Tests"]))
        for entry in entries.subtracting(allowed).sorted() where !entry.hasPrefix(".") {
            Issue.record("\(entry) does not belong at the top")
        }
    }

    private func allFiles() throws -> [SwiftFile] {
        try RepositoryFiles.sources.get() + RepositoryFiles.tests.get()
    }

    private func expectAbsent(_ ban: Ban, in file: SwiftFile) {
        for (index, line) in file.code.enumerated() {
            guard let needle = ban.needles.first(where: { Self.uses($0, in: line) }) else { continue }
            if let exception = ban.unlessLineContains, line.contains(exception) { continue }
            Issue.record("\(file.path):\(index + 1) uses \(needle); use \(ban.replacement)")
        }
    }

    /// Whether `needle` appears as a word of its own: `print(` is not `sprint(`.
    private static func uses(_ needle: String, in line: String) -> Bool {
        line.ranges(of: needle).contains { range in
            guard range.lowerBound > line.startIndex, needle.first?.isLetter == true else { return true }
            let before = line[line.index(before: range.lowerBound)]
            return !(before.isLetter || before.isNumber || before == "_" || before == ".")
        }
    }
}

/// The checks themselves, on small texts.
@Suite struct SwiftFileTests {
    private func file(_ text: String) -> SwiftFile {
        SwiftFile(path: "Sources/QuireCore/X.swift", text: text)
    }

    @Test func seesCodeButNotCommentsAndLiterals() {
        let quote = "\""
        let source = self.file("a() // try!\nb(\(quote)try! \\(c(\(quote)}\(quote))) d\(quote)) /* try!\ntry! */ e")
        #expect(source.code == ["a() ", "b(\(quote)\(quote)) ", " e"])
    }

    @Test func readsImportsWithTheirAccess() {
        let source = self.file("package import Crypto\nimport struct Foundation.URL\n@testable import A\n// import B")
        #expect(source.imports == ["Crypto", "Foundation", "A"])
    }

    @Test func measuresFunctionsToTheirClosingBrace() {
        let source = self.file("struct S {\n    func a() {\n        if x { }\n    }\n\n    init?(y: Int) { }\n}")
        #expect(source.functions.map(\.line) == [2, 6])
        #expect(source.functions.map(\.lineCount) == [3, 1])
    }

    @Test func skipsRequirementsOfProtocols() {
        let source = self.file("protocol P {\n    func a()\n    func b()\n}\nfunc c() {\n}")
        #expect(source.functions.map(\.line) == [5])
    }
}
