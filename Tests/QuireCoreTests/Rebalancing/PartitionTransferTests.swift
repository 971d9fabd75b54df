import QuireCore
import Testing

@Suite struct PartitionTransferTests {
    private let partition = PartitionID(5)
    private let sealed = SealedDescription(seal: 9, sizeBytes: 5, blockBytes: 4, records: 10)

    private func started(ownRecords: Int) -> PartitionTransfer {
        var transfer = PartitionTransfer(partition: self.partition, node: .d, replicas: [.a, .b])
        #expect(transfer.start() == .store(.count(.replica(self.partition))))
        let counts = PartitionCounts(records: ownRecords, liveKeys: 0, bytes: 0)
        #expect(transfer.answered(.storage(.counts(counts))) == .ask(.a, .control(.seal(self.partition))))
        return transfer
    }

    private func block(_ bytes: [UInt8]) -> PartitionTransfer.Answer {
        .peer(.control(.block(bytes, checksum: CRC32C.checksum(bytes))))
    }

    private func readBlock(_ index: Int) -> PartitionTransfer.Action {
        .ask(.a, .control(.readBlock(self.partition, seal: 9, index: index)))
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

    @Test func pullsInstallsAndThenCoversEveryOldReplica() {
        var transfer = self.started(ownRecords: 0)
        #expect(transfer.answered(.peer(.control(.sealed(self.sealed)))) == .createImage(sizeBytes: 5))
        #expect(transfer.answered(.done(checksum: "")) == self.readBlock(0))
        #expect(transfer.answered(self.block([1, 2, 3, 4])) == .appendBlock([1, 2, 3, 4]))
        #expect(transfer.answered(.done(checksum: "")) == self.readBlock(1))
        #expect(transfer.answered(self.block([5])) == .appendBlock([5]))
        #expect(transfer.answered(.done(checksum: "")) == .unseal(.a, seal: 9))
        #expect(transfer.unsealed() == .installImage)
        #expect(transfer.answered(.done(checksum: "c0")) == self.compare(.a))
        self.cover(&transfer)
        #expect(
            transfer.answered(.storage(.leaves(MerkleLeaves()))) == .finish(self.receipt(bytes: 5, checksum: "c0"))
        )
        #expect(transfer.bytesDone == transfer.bytesTotal)
    }

    @Test func refusesADamagedBlock() {
        var transfer = self.started(ownRecords: 0)
        _ = transfer.answered(.peer(.control(.sealed(self.sealed))))
        _ = transfer.answered(.done(checksum: ""))
        let damaged = PartitionTransfer.Answer.peer(.control(.block([1, 2, 3, 4], checksum: 1)))
        #expect(transfer.answered(damaged) == .fail("block 0 arrived damaged"))
    }

    @Test func refusesABlockOfAnotherSize() {
        var transfer = self.started(ownRecords: 0)
        _ = transfer.answered(.peer(.control(.sealed(self.sealed))))
        _ = transfer.answered(.done(checksum: ""))
        #expect(transfer.answered(self.block([1, 2, 3])) == .fail("block 0 arrived damaged"))
    }

    @Test func refusesASealWithoutBlocks() {
        var transfer = self.started(ownRecords: 0)
        let endless = SealedDescription(seal: 9, sizeBytes: 5, blockBytes: 0, records: 10)
        #expect(
            transfer.answered(.peer(.control(.sealed(endless)))) == .fail("the source sealed 5 bytes in blocks of 0")
        )
    }

    @Test func beginsAgainWhenTheSealHasExpired() {
        var transfer = self.started(ownRecords: 0)
        _ = transfer.answered(.peer(.control(.sealed(self.sealed))))
        _ = transfer.answered(.done(checksum: ""))
        guard case .fail = transfer.answered(.peer(.control(.sealExpired))) else {
            Issue.record("an expired seal was read on")
            return
        }
    }

    @Test func skipsTheCopyWhenItsOwnRecordsSuffice() {
        var transfer = self.started(ownRecords: 6)
        #expect(transfer.answered(.peer(.control(.sealed(self.sealed)))) == .unseal(.a, seal: 9))
        #expect(transfer.unsealed() == self.compare(.a))
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

    @Test func aSourceThatRefusesEndsTheAttempt() {
        var transfer = self.started(ownRecords: 0)
        #expect(transfer.answered(.peer(.failed("quarantined"))) == .fail("the source refused: quarantined"))
    }
}
