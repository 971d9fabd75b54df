import Testing

@testable import QuireWire

@Suite struct GlobPatternTests {
    @Test(arguments: [
        ("*", "", true), ("", "", true), ("", "a", false), ("a*", "abc", true), ("a*c", "abbbc", true),
        ("a*c", "abbbd", false), ("?", "a", true), ("?", "", false), ("[a-c]x", "bx", true), ("[^a-c]x", "bx", false),
        ("[^a-c]x", "dx", true), ("h[ae]llo", "hallo", true), ("\\*", "*", true), ("\\*", "x", false),
        ("[\\]]", "]", true), ("*a*b*c*", "xxaxxbxxc", true), ("*a*b*c*", "xxaxxcxxb", false), ("[abc", "b", true),
        ("a\\", "a\\", true), ("[c-a]", "b", true),
    ])
    func matchesAsRedisDoes(_ pattern: String, _ text: String, _ isMatch: Bool) {
        #expect(GlobPattern(Array(pattern.utf8))?.matches(Array(text.utf8)) == isMatch)
    }

    /// Exponential backtracking would not come back from this.
    @Test func doesNotBacktrackWithoutBound() {
        let pattern = Array(String(repeating: "*a", count: 120).utf8) + Array("*b".utf8)
        #expect(GlobPattern(pattern)?.matches([UInt8](repeating: UInt8(ascii: "a"), count: 1024)) == false)
    }

    @Test func refusesAPatternThatIsTooLong() {
        #expect(GlobPattern([UInt8](repeating: 1, count: 257)) == nil)
    }
}
