import Foundation
import Testing

@testable import quire

@Suite struct WriteJournalTests {
    @Test func givesTheNewestAcknowledgedWriteOfEachKey() async throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "quire-journal-\(UUID().uuidString)").path
        defer { unlink(path) }
        let journal = try WriteJournal(path: path)
        for (key, sequence) in [("a", 0), ("b", 1), ("a", 2)] {
            try await journal.acknowledged(WriteJournal.Entry(key: key, sequence: sequence))
        }
        try await journal.flush()
        let read = try WriteJournal.read(try FileByteSource(path: path))
        #expect(read.newest == ["a": 2, "b": 1])
        #expect(read.writeCount == 3)
    }

    @Test func ignoresALastLineThatWasNotFinished() throws {
        let text = "{\"key\":\"a\",\"sequence\":1}\n{\"key\":\"a\",\"sequence\":29"
        let read = try WriteJournal.read(ByteArraySource(text))
        #expect(read.newest == ["a": 1])
        #expect(read.writeCount == 1)
    }

    @Test func refusesALineThatIsNoEntry() {
        #expect(throws: CommandFailure.self) { try WriteJournal.read(ByteArraySource("{}\n")) }
    }

    @Test func findsLostOlderAndNewerWrites() {
        var summary = CheckSummary()
        let value = WriterValue.bytes(sequence: 5, key: "k", sizeBytes: 64)
        summary.checked("k", value, newest: 5)
        #expect(summary == CheckSummary())
        summary.checked("k", value, newest: 6)
        summary.checked("k", value, newest: 4)
        summary.checked("k", nil, newest: 5)
        summary.checked("other", value, newest: 5)
        #expect(summary.older == 1)
        #expect(summary.newer == 1)
        #expect(summary.lost == 2)
    }
}
