import QuireCore
import Testing

@Suite struct PartitionTransferTests {
    private let partition = PartitionID(5)
    private let manifest = SealManifest(seal: 9, sizeBytes: 5, blockBytes: 4, records: 10, checksums: [1, 2])

    private func started(ownRecords: Int) -> PartitionTransfer {
        var transfer = PartitionTransfer(partition: self.partition, node: .d, replicas: [.a, .b])
        #expect(transfer.start() == .store(.count(.replica(self.partition))))
        #expect(transfer.answered(self.counted(ownRecords)) == .ask(.a, .control(.seal(self.partition))))
        return transfer
    }

    private func counted(_ records: Int) -> PartitionTransfer.Answer {
        .storage(.counts(PartitionCounts(records: records, liveKeys: 0, bytes: 0)))
    }

    /// Both old replicas turn out to hold nothing that is missing.
    private func cover(_ transfer: inout PartitionTransfer) {
        let nothing = [UInt128](repeating: 0, count: 32)
        for next in [NodeID.b, nil] {
            #expect(
                transfer.answered(.peer(.sums(nothing))) == .store(.sums(.replica(self.partition), [.root]))
            )
            let action = transfer.answered(.storage(.sums(nothing)))
            #expect(action == next.map(self.compare) ?? .store(.mergeBatch(.replica(self.partition), [])))
        }
        // The receipt speaks of the disk.
        #expect(transfer.answered(.storage(.durable(.at(0)))) == .store(.leaves(.replica(self.partition))))
    }

    /// The first question to an old replica that is to be covered.
    private func compare(_ node: NodeID) -> PartitionTransfer.Action {
        .ask(node, .readSums(self.partition, [.root]))
    }

    private func receipt(bytes: Int, checksum: String) -> PartitionMove.Receipt {
        let root = Hexadecimal.encode(MerkleLeaves().root)
        return PartitionMove.Receipt(node: .d, root: root, bytes: bytes, checksum: checksum)
    }

    @Test func pullsInstallsAndThenCoversEveryOldReplica() throws {
        let manifest = try #require(self.manifest)
        var transfer = self.started(ownRecords: 0)
        #expect(transfer.answered(.peer(.control(.sealed(manifest)))) == .prepareImage(manifest))
        #expect(transfer.answered(.prepared(heldBytes: 0)) == .pullBlocks(.a, manifest))
        #expect(transfer.step == .copying)
        #expect(transfer.answered(.done) == .unseal(.a, seal: 9))
        #expect(transfer.unsealed() == .installImage)
        #expect(transfer.step == .installing)
        #expect(transfer.answered(.done) == self.compare(.a))
        self.cover(&transfer)
        let receipt = self.receipt(bytes: 5, checksum: manifest.digest)
        #expect(transfer.answered(.storage(.leaves(MerkleLeaves()))) == .finish(receipt))
    }

    @Test func coversAllReplicasAlthoughOneCouldNotGiveItsFile() throws {
        var transfer = self.started(ownRecords: 0)
        #expect(transfer.answered(.bad("no link")) == .ask(.b, .control(.seal(self.partition))))
        #expect(transfer.source == .b)
        #expect(transfer.answered(.peer(.control(.sealed(nil)))) == self.compare(.a))
    }

    @Test func skipsTheCopyWhenItsOwnRecordsSuffice() throws {
        var transfer = self.started(ownRecords: 6)
        #expect(transfer.answered(.peer(.control(.sealed(self.manifest)))) == .unseal(.a, seal: 9))
        #expect(transfer.unsealed() == self.compare(.a))
    }

    /// An undo: what was retired comes back, then only the difference is fetched.
    @Test func bringsBackWhatItHasRetiredBeforeItCounts() {
        var transfer = PartitionTransfer(
            partition: self.partition,
            node: .d,
            replicas: [.a, .b],
            reviveSince: LayoutVersion(7)
        )
        #expect(transfer.start() == .revive(since: LayoutVersion(7)))
        #expect(transfer.step == .reviving)
        #expect(transfer.answered(.revived(true)) == .store(.count(.replica(self.partition))))
        #expect(transfer.isRevived)
        #expect(transfer.answered(self.counted(10)) == .ask(.a, .control(.seal(self.partition))))
    }

    @Test func aRetiredFileThatCannotBeUsedIsNoObstacle() {
        var transfer = PartitionTransfer(
            partition: self.partition,
            node: .d,
            replicas: [.a],
            reviveSince: LayoutVersion(7)
        )
        _ = transfer.start()
        #expect(transfer.answered(.failed("damaged")) == .store(.count(.replica(self.partition))))
        #expect(!transfer.isRevived)
    }

    /// All replicas of the row are declared lost.
    @Test func withoutSourcesThereIsNothingToWaitFor() {
        var transfer = PartitionTransfer(partition: self.partition, node: .d, replicas: [])
        #expect(transfer.start() == .finish(PartitionMove.Receipt(node: .d, root: "", bytes: 0, checksum: "")))
    }

    @Test func withoutSourcesARetiredFileIsAllThatIsLeft() {
        let since = LayoutVersion.none
        var transfer = PartitionTransfer(partition: self.partition, node: .d, replicas: [], reviveSince: since)
        #expect(transfer.start() == .revive(since: since))
        #expect(transfer.answered(.revived(true)) == .store(.leaves(.replica(self.partition))))
        let receipt = self.receipt(bytes: 0, checksum: "")
        #expect(transfer.answered(.storage(.leaves(MerkleLeaves()))) == .finish(receipt))
    }

    /// An empty source says nothing about the other old replicas.
    @Test func coversTheOthersEvenWhenTheSourceIsEmpty() {
        var transfer = self.started(ownRecords: 0)
        #expect(transfer.answered(.peer(.control(.sealed(nil)))) == self.compare(.a))
        self.cover(&transfer)
        #expect(
            transfer.answered(.storage(.leaves(MerkleLeaves()))) == .finish(self.receipt(bytes: 0, checksum: ""))
        )
    }

    @Test func aReplicaThatCannotBeCoveredEndsTheAttempt() {
        var transfer = self.started(ownRecords: 0)
        #expect(transfer.answered(.peer(.control(.sealed(nil)))) == self.compare(.a))
        #expect(transfer.answered(.bad("no link")) == .fail("no link"))
    }
}
