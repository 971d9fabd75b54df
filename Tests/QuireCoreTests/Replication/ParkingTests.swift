import QuireCore
import Testing

/// Operations that come while links are being made wait a little instead of failing.
@Suite struct ParkingTests {
    private let get = ClientOperation.get(Key("k")!, readQuorum: nil)

    private func layout() throws -> Layout { try Layout.initial(Member.inZones([3]), partitions: 8) }

    private func moment(_ milliseconds: Int) -> Moment {
        Moment(elapsed: .milliseconds(milliseconds), wallMilliseconds: 1000)
    }

    @Test func anOperationWaitsForTheLinksThatItsQuorumNeeds() throws {
        var core = RequestCore(configuration: .init(node: .a, seed: 1))
        _ = core.handle(.layoutAdopted(try self.layout()), now: self.moment(0))
        #expect(core.handle(.clientAsked(RequestCoreDialogue.client, self.get), now: self.moment(0)).isEmpty)
        #expect(core.operationCount == 1)
        #expect(core.handle(.timePassed, now: self.moment(500)).isEmpty)
        let begun = core.handle(.peerConnected(.b), now: self.moment(600))
        #expect(begun.storeTokens.count == 1)
        #expect(begun.questions.map(\.node) == [.b])
    }

    @Test func itFailsWithItsNumbersWhenNoLinkComes() throws {
        var core = RequestCore(configuration: .init(node: .a, seed: 1))
        _ = core.handle(.layoutAdopted(try self.layout()), now: self.moment(0))
        let put = PutRequest(key: Key("k")!, value: [1], supersession: .older)
        #expect(core.handle(.clientAsked(RequestCoreDialogue.client, .put(put)), now: self.moment(0)).isEmpty)
        let begun = core.handle(.timePassed, now: self.moment(1000))
        let token = try #require(begun.storeTokens.first, "its own copy is still wanted")
        let failed = core.handle(
            .storageCompleted(
                StorageCompletion(
                    token: token,
                    outcome: .minted(.minted(7), dot: Dot(actor: .init(rawValue: 7), counter: 1))
                )
            ),
            now: self.moment(1001)
        )
        let lost = ClientResult.failed(.quorumLost(acknowledged: 0, required: 2, operation: .write))
        #expect(failed.clientResults == [lost])
        #expect(core.operationCount == 0)
    }

    @Test func aMemberThatStartsSaysSoOnlyAfterAWhile() throws {
        var configuration = RequestCore.Configuration(node: .a, seed: 1)
        configuration.isMember = true
        var core = RequestCore(configuration: configuration)
        #expect(core.handle(.clientAsked(RequestCoreDialogue.client, self.get), now: self.moment(0)).isEmpty)
        let late = core.handle(.timePassed, now: self.moment(1000))
        #expect(late.clientResults == [.failed(.starting)])
        let second = RequestCore.ClientOperationID(connection: 1, operation: 2)
        #expect(core.handle(.clientAsked(second, self.get), now: self.moment(1100)).isEmpty)
        _ = core.handle(.peerConnected(.b), now: self.moment(1150))
        #expect(core.handle(.layoutAdopted(try self.layout()), now: self.moment(1200)).storeTokens.count == 1)
    }

    @Test func whatWaitsIsBounded() throws {
        var core = RequestCore(configuration: .init(node: .a, seed: 1, operationsMax: 2))
        _ = core.handle(.layoutAdopted(try self.layout()), now: self.moment(0))
        for operation in 1...2 as ClosedRange<UInt64> {
            let id = RequestCore.ClientOperationID(connection: 1, operation: operation)
            #expect(core.handle(.clientAsked(id, self.get), now: self.moment(0)).isEmpty)
        }
        let third = core.handle(.clientAsked(RequestCoreDialogue.client, self.get), now: self.moment(0))
        #expect(third.clientResults == [.failed(.overloaded)])
    }
}
