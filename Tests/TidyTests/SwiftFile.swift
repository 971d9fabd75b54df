/// One file of source text, and the few facts about it that tidiness needs.
struct SwiftFile: Sendable {
    let path: String
    let lines: [Substring]
    /// The lines without comments and without the contents of string literals.
    let code: [String]

    init(path: String, text: String) {
        self.path = path
        self.lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        var stripper = CodeStripper()
        self.code = self.lines.map { stripper.strip($0) }
    }

    /// `QuireCore` for `Sources/QuireCore/…`.
    var target: String {
        let parts = self.path.split(separator: "/")
        return parts.count > 1 ? String(parts[1]) : ""
    }

    /// Modules that the file imports, submodules by their first name.
    var imports: [String] {
        self.code.compactMap { line in
            let words = line.split(separator: " ").drop { $0.hasPrefix("@") || Self.importAccess.contains($0) }
            guard words.first == "import", let last = words.last, words.count > 1 else { return nil }
            return last.split(separator: ".").first.map(String.init)
        }
    }

    /// Functions with the number of their lines, from the line that declares them to their closing brace.
    var functions: [(line: Int, lineCount: Int)] {
        let code = self.code
        return code.indices.compactMap { start in
            guard Self.declaresFunction(code[start]) else { return nil }
            var depth = 0
            var hasBody = false
            for index in start..<code.count {
                for character in code[index] {
                    if character == "{" {
                        depth += 1
                        hasBody = true
                    } else if character == "}" {
                        depth -= 1
                    }
                }
                if hasBody, depth <= 0 { return (start + 1, index - start + 1) }
                // A requirement of a protocol has no body and ends with its line.
                if !hasBody, depth < 0 || (index > start && Self.declaresFunction(code[index])) { return nil }
            }
            return nil
        }
    }

    private static let importAccess: Set<Substring> = ["public", "package", "internal", "fileprivate", "private"]
    private static let modifiers: Set<Substring> = [
        "public", "package", "internal", "fileprivate", "private", "static", "final", "override", "mutating",
        "nonmutating", "consuming", "borrowing", "nonisolated", "convenience", "required", "prefix", "postfix", "class",
    ]

    private static func declaresFunction(_ line: String) -> Bool {
        let words = line.split(separator: " ").drop { $0.hasPrefix("@") || Self.modifiers.contains($0) }
        guard let first = words.first else { return false }
        return first == "func" || first.hasPrefix("init(") || first.hasPrefix("init?(") || first.hasPrefix("init<")
            || first == "deinit" || first.hasPrefix("subscript(")
    }
}

/// Blanks out comments and string literals, line by line; interpolations are blanked with their literal.
private struct CodeStripper {
    private var isInComment = false
    private var isInText = false

    mutating func strip(_ line: Substring) -> String {
        var result = ""
        var rest = line
        while let character = rest.first {
            if self.isInComment {
                self.isInComment = !rest.hasPrefix("*/")
                rest = rest.dropFirst(self.isInComment ? 1 : 2)
            } else if rest.hasPrefix("\"\"\"") {
                self.isInText.toggle()
                rest = rest.dropFirst(3)
            } else if self.isInText {
                rest = rest.dropFirst()
            } else if rest.hasPrefix("//") {
                return result
            } else if rest.hasPrefix("/*") {
                self.isInComment = true
                rest = rest.dropFirst(2)
            } else if character == "\"" {
                result += "\"\""
                rest = Self.afterLiteral(rest.dropFirst())
            } else {
                result.append(character)
                rest = rest.dropFirst()
            }
        }
        return result
    }

    /// What follows the closing quote; literals inside an interpolation are skipped by counting parentheses.
    private static func afterLiteral(_ text: Substring) -> Substring {
        var rest = text
        while let character = rest.first {
            if rest.hasPrefix("\\(") {
                rest = self.afterInterpolation(rest.dropFirst(2))
            } else if character == "\\" {
                rest = rest.dropFirst(2)
            } else if character == "\"" {
                return rest.dropFirst()
            } else {
                rest = rest.dropFirst()
            }
        }
        return rest
    }

    private static func afterInterpolation(_ text: Substring) -> Substring {
        var rest = text
        var depth = 1
        while depth > 0, let character = rest.first {
            rest = rest.dropFirst()
            switch character {
            case "(": depth += 1
            case ")": depth -= 1
            case "\"": rest = self.afterLiteral(rest)
            default: break
            }
        }
        return rest
    }
}
