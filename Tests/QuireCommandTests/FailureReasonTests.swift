import Testing

@testable import quire

@Suite struct FailureReasonTests {
    private struct Wordy: Error, CustomStringConvertible {
        let description: String
    }

    @Test(arguments: [
        ("SingleConnectionFailure(error: Connection refused) (errno: 111))", "connection refused"),
        ("connectTimeout(TimeAmount(5000))", "timed out"),
        ("connectionClosed", "the connection ended"),
        ("something new", "something new"),
    ])
    func keepsTheWordsThatMatter(text: String, words: String) {
        #expect(FailureReason.words(Wordy(description: text)) == words)
    }
}
