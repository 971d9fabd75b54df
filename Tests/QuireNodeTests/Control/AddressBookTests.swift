import Foundation
import QuireCore
import Testing

@testable import QuireNode

@Suite struct AddressBookTests {
    private static func entry(_ number: UInt64) -> GossipEntry {
        let endpoint = Endpoint(host: "::1", port: 7000)
        let member = Member(
            id: NodeID(rawValue: number),
            name: "n\(number)",
            zone: "z",
            peer: endpoint,
            proxy: endpoint,
            http: endpoint
        )
        var figures = GossipFigures()
        figures[.hintCount] = 4
        let stamp = GossipEntry.Stamp(incarnation: 1_764_000_000_000, version: 3)
        return GossipEntry(member: member, stamp: stamp, layoutVersion: LayoutVersion(2), figures: figures)
    }

    @Test func keepsWhatItWasGivenLast() throws {
        let scratch = try ScratchDirectory()
        let book = AddressBook(directory: scratch.path)
        #expect(book.load() == [])
        try book.save([Self.entry(1)])
        try book.save([Self.entry(1), Self.entry(.max)])
        #expect(AddressBook(directory: scratch.path).load() == [Self.entry(1), Self.entry(.max)])
    }

    /// A node starts all the same; what it does not know it is told.
    @Test(arguments: ["", "[", "{}", "[1]", #"[{"stamp":{"incarnation":1,"version":1}}]"#])
    func aDamagedFileCountsAsNone(_ content: String) throws {
        let scratch = try ScratchDirectory()
        try Data(content.utf8).write(to: URL(fileURLWithPath: "\(scratch.path)/peers.json"))
        #expect(AddressBook(directory: scratch.path).load() == [])
    }

    /// What nobody could send is not taken from a file either, for it would be passed on.
    @Test func anEntryOutOfBoundsIsNotUsed() throws {
        let scratch = try ScratchDirectory()
        let book = AddressBook(directory: scratch.path)
        try book.save([Self.entry(2)])
        let file = URL(fileURLWithPath: "\(scratch.path)/peers.json")
        let text = try String(contentsOf: file, encoding: .utf8)
        let changed = text.replacing("1764000000000", with: "9223372036854775807")
        #expect(changed != text)
        try Data(changed.utf8).write(to: file)
        let entries = book.load()
        #expect(entries.count == 1)
        var state = GossipState(member: Self.entry(1).member, incarnation: 1)
        state.expect([NodeID(rawValue: 2)])
        #expect(state.told(entries) == [])
        #expect(state.told([Self.entry(2)]) == [NodeID(rawValue: 2)])
    }
}
