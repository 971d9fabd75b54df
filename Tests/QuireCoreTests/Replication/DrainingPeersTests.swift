import QuireCore
import Testing

/// A member under maintenance is asked to coordinate, and to stand in, only where nobody else can.
@Suite struct DrainingPeersTests {
    private func coordinator(_ effects: [RequestCore.Effect]) -> NodeID? {
        for case .askPeer(let node, _, .coordinate, _) in effects { return node }
        return nil
    }

    private func put(_ key: Key, preferred: NodeID? = nil) -> ClientOperation {
        .put(PutRequest(key: key, value: [1], supersession: .older, preferredReplica: preferred))
    }

    @Test func anotherReplicaCoordinatesInstead() throws {
        var dialogue = try RequestCoreDialogue()
        let key = try dialogue.key(isOwn: false)
        let row = dialogue.row(of: key)
        #expect(self.coordinator(dialogue.ask(self.put(key))) == row[0])
        _ = dialogue.handle(.peersDraining([row[0]]))
        #expect(self.coordinator(dialogue.ask(self.put(key))) == row[1])
        #expect(self.coordinator(dialogue.ask(self.put(key, preferred: row[0]))) == row[1])
        _ = dialogue.handle(.peersDraining([]))
        #expect(self.coordinator(dialogue.ask(self.put(key))) == row[0])
    }

    @Test func aMemberOfTheRowDoesNotHandItsWriteToOne() throws {
        var dialogue = try RequestCoreDialogue()
        let key = try dialogue.key(isOwn: true)
        let other = try #require(dialogue.row(of: key).first { $0 != .a })
        #expect(self.coordinator(dialogue.ask(self.put(key, preferred: other))) == other)
        _ = dialogue.handle(.peersDraining([other]))
        #expect(self.coordinator(dialogue.ask(self.put(key, preferred: other))) == nil)
    }

    @Test func whereAllAreUnderMaintenanceTheFirstOfThemDoes() throws {
        var dialogue = try RequestCoreDialogue()
        let key = try dialogue.key(isOwn: false)
        let row = dialogue.row(of: key)
        _ = dialogue.handle(.peersDraining(Set(row)))
        #expect(self.coordinator(dialogue.ask(self.put(key))) == row[0])
    }
}
