import Testing

@testable import quire

@Suite struct TextTableTests {
    @Test func alignsColumnsAndLeavesNoTrailingSpaces() {
        var table = TextTable([("node", .left), ("tokens", .right), ("zone", .left)])
        table.append(["n1", "64", "a"])
        table.append(["node-2", "128", ""])
        #expect(
            table.rendered() == """
                node    tokens  zone
                n1          64  a
                node-2     128
                """
        )
    }
}
