import QuireCore
import Testing

@Suite struct ImageCopyTests {
    private let partition = PartitionID(5)
    private let manifest = SealManifest(seal: 9, sizeBytes: 5, blockBytes: 4, records: 10, checksums: [1, 2])
    private let other = SealManifest(seal: 4, sizeBytes: 5, blockBytes: 4, records: 10, checksums: [1, 3])

    private func copy(ownRecords: Int = 0, from sources: [NodeID] = [.a, .b]) -> ImageCopy {
        ImageCopy(partition: self.partition, sources: sources, ownRecords: ownRecords)
    }

    private func seal(at node: NodeID) -> ImageCopy.Action {
        .ask(node, .control(.seal(self.partition)))
    }

    private func sealed(_ manifest: SealManifest?) -> ImageCopy.Answer {
        .peer(.control(.sealed(manifest)))
    }

    /// A copy whose blocks are on their way from the first source.
    private func pulling() throws -> ImageCopy {
        let manifest = try #require(self.manifest)
        var copy = self.copy()
        #expect(copy.start() == self.seal(at: .a))
        #expect(copy.answered(self.sealed(manifest)) == .prepareImage(manifest))
        #expect(copy.answered(.prepared(heldBytes: 0)) == .pullBlocks(.a, manifest))
        return copy
    }

    @Test func sealsPreparesPullsReleasesAndInstalls() throws {
        var copy = try self.pulling()
        #expect(copy.answered(.done) == .unseal(.a, seal: 9))
        #expect(copy.isInstalling)
        #expect(copy.unsealed() == .installImage)
        #expect(copy.answered(.done) == .finish)
        #expect(copy.installed == self.manifest)
        #expect(copy.setbacks.isEmpty)
    }

    @Test func anotherReplicaTakesOverWhenASourceDiesAndKeepsWhatIsGood() throws {
        let other = try #require(self.other)
        var copy = try self.pulling()
        #expect(copy.answered(.bad("the link broke")) == self.seal(at: .b))
        #expect(copy.answered(self.sealed(other)) == .prepareImage(other))
        #expect(copy.answered(.prepared(heldBytes: 4)) == .pullBlocks(.b, other))
        #expect(copy.heldBytes == 4)
        #expect(copy.setbacks == [.init(source: .a, reason: "the link broke")])
    }

    @Test func failsWhenNoSourceIsLeft() throws {
        var copy = try self.pulling()
        #expect(copy.answered(.bad("block 1 arrived damaged")) == self.seal(at: .b))
        #expect(copy.answered(.peer(.failed("quarantined"))) == .fail("the source refused: quarantined"))
        #expect(copy.setbacks.map(\.source) == [.a, .b])
        #expect(copy.source == nil)
    }

    @Test func anExpiredSealIsRenewedAtTheSameSource() throws {
        let other = try #require(self.other)
        var copy = try self.pulling()
        #expect(copy.answered(.expired) == self.seal(at: .a))
        #expect(copy.answered(self.sealed(other)) == .prepareImage(other))
        #expect(copy.setbacks == [.init(source: .a, reason: "the source needed its file back")])
    }

    @Test func aSourceWhoseSealsNeverLastIsFollowedByTheNext() {
        var copy = self.copy()
        #expect(copy.start() == self.seal(at: .a))
        for _ in 1..<ImageCopy.expirationsMax {
            #expect(copy.answered(.peer(.control(.sealExpired))) == self.seal(at: .a))
        }
        #expect(copy.answered(.peer(.control(.sealExpired))) == self.seal(at: .b))
        #expect(copy.setbacks.count == ImageCopy.expirationsMax)
    }

    @Test func aCopyThatDoesNotPassItsChecksIsThrownAwayBeforeTheNextSourceIsAsked() throws {
        var copy = try self.pulling()
        #expect(copy.answered(.done) == .unseal(.a, seal: 9))
        #expect(copy.unsealed() == .installImage)
        #expect(copy.answered(.bad("the rows are not those of the leaves")) == .discardImage)
        #expect(copy.answered(.done) == self.seal(at: .b))
        #expect(copy.installed == nil)
    }

    @Test func ownTroubleEndsIt() throws {
        var copy = try self.pulling()
        #expect(copy.answered(.failed("disk full")) == .fail("disk full"))
        #expect(copy.setbacks.isEmpty)
    }

    @Test(arguments: [(5, false), (6, true)])
    func skipsWhatIsMostlyHere(ownRecords: Int, isSkipped: Bool) throws {
        let manifest = try #require(self.manifest)
        var copy = self.copy(ownRecords: ownRecords)
        #expect(copy.start() == self.seal(at: .a))
        let action = copy.answered(self.sealed(manifest))
        #expect(action == (isSkipped ? .unseal(.a, seal: 9) : .prepareImage(manifest)))
        if isSkipped {
            #expect(copy.unsealed() == .finish)
            #expect(copy.installed == nil)
        }
    }

    @Test func anEmptySourceLeavesNothingToCopy() {
        var copy = self.copy()
        #expect(copy.start() == self.seal(at: .a))
        #expect(copy.answered(self.sealed(nil)) == .finish)
    }

    @Test func anAnswerThatFitsNoQuestionEndsIt() throws {
        var copy = try self.pulling()
        #expect(copy.answered(.prepared(heldBytes: 1)) == .fail("unexpected answer while copying"))
    }
}
