import Testing

@testable import quire

@Suite struct NDJSONReaderTests {
    @Test(arguments: [1, 3, 1000])
    func readsTextAndBase64(pieceBytes: Int) throws {
        let text = """
            {"key":"a","value":"één\\n"}

            {"value_base64":"/wA=","key":"b","note":7}
            {"key":"empty","value":""}
            """
        let items = try DatasetReader.items(of: text, format: .ndjson, pieceBytes: pieceBytes)
        #expect(
            items == [
                .entry("a", "één\n", line: 1),
                .entry(DatasetEntry(key: Array("b".utf8), value: [0xFF, 0x00], line: 3)),
                .entry("empty", "", line: 4),
            ]
        )
    }

    @Test(arguments: [
        ("{\"key\":\"a\"}", "no value and no value_base64"),
        ("{\"key\":\"a\",\"value\":\"x\",\"value_base64\":\"eA==\"}", "both value and value_base64"),
        ("{\"key\":\"a\",\"value_base64\":\"?\"}", "value_base64 is no base64"),
        ("{\"key\":\"\",\"value\":\"x\"}", "the key is empty"),
        ("{\"value\":\"x\"}", "no field “key”"),
        ("{\"key\":\"a\",\"value\":1}", "“value” is no string"),
        ("[1,2", "not a JSON object"),
        ("nonsense", "not a JSON object"),
    ])
    func namesAMalformedLineAndGoesOn(line: String, reason: String) throws {
        let items = try DatasetReader.items(of: line + "\n{\"key\":\"n\",\"value\":\"v\"}\n", format: .ndjson)
        #expect(items == [.malformed(line: 1, reason: reason), .entry("n", "v", line: 2)])
    }
}
