import QuireCore

/// What mutations make of the control path, at its seam: answers that nobody gave, and layouts that are not obeyed.
extension SimulatedCluster {
    /// Whether the question is not asked at all, because some mutation knows the answer.
    func isForged(_ message: ControlMessage) -> Bool {
        switch (message, self.configuration.mutation) {
        case (.installFence, .fillsBeforeTheFence), (.prepare, .decidesAlone), (.accept, .decidesAlone),
            (.collectReceipts, .countsReceiptsUngiven):
            true
        default:
            false
        }
    }

    func forgeAnswer(of peer: NodeID, to message: ControlMessage, _ correlation: UInt64, at node: SimulatedNode) {
        let answer: ControlMessage
        switch message {
        case .installFence(let version): answer = .fenceInstalled(version)
        case .prepare(let version, let ballot): answer = .promise(version, ballot, accepted: nil)
        case .accept(let version, let ballot, _): answer = .accepted(version, ballot)
        case .collectReceipts: answer = .receipts(self.receiptsUngiven(by: peer, at: node), hintsHeld: 0)
        default: return
        }
        let event = ControlCore.Event.peerAnswered(peer, correlation: correlation, .control(answer))
        self.perform(node.control.handle(event, now: self.queue.now), at: node)
    }

    private func receiptsUngiven(by peer: NodeID, at node: SimulatedNode) -> [PartitionReceipt] {
        guard let layout = node.layout else { return [] }
        return layout.moves.filter { layout.receiptsDue(of: $0).contains(peer) }.map { move in
            let receipt = PartitionMove.Receipt(
                node: peer,
                root: "",
                bytes: 0,
                checksum: "",
                sources: move.from.filter { $0 != peer }.sorted()
            )
            return PartitionReceipt(partition: move.partition, phase: move.phase, fence: move.fence, receipt: receipt)
        }
    }
}

extension LayoutAcceptor.State {
    /// The mistake of a voter that keeps only what was decided (SAFETY rule 13).
    var withoutVotes: LayoutAcceptor.State {
        var state = self
        state.promised = .none
        state.accepted = nil
        return state
    }
}

extension Layout {
    /// The mistake of a coordinator that does not know of newcomers (SAFETY rule 11).
    var withoutDualWrites: Layout {
        var layout = self
        layout.moves.removeAll { $0.phase == .dualWrite }
        return layout
    }

    /// The mistake of a coordinator that keeps what newcomers have covered to itself (SAFETY rule 12).
    var withoutReceipts: Layout {
        var layout = self
        for index in layout.moves.indices { layout.moves[index].receipts = [] }
        return layout
    }

    /// The mistake of an abort that goes straight back to the old rows (SAFETY rule 11).
    var withoutReversals: Layout {
        var layout = self
        layout.moves.removeAll { $0.phase == .readNew && $0.isReversal }
        return layout
    }
}
