import QuireCore

/// Transfers of partitions, at the target and at the source.
extension SimulatedCluster {
    func fill(_ partition: PartitionID, from sources: [NodeID], at node: SimulatedNode) {
        if self.configuration.mutation == .coversWithoutCopying {
            let receipt = PartitionMove.Receipt(node: node.id, root: "", bytes: 0, checksum: "")
            let proof = PartitionReceipt(partition: partition, phase: .dualWrite, receipt: receipt)
            self.perform(node.control.handle(.covered(proof), now: self.queue.now), at: node)
            return
        }
        let isOneEnough = self.configuration.mutation == .fillsFromOneReplica
        let transfer = PartitionTransfer(
            partition: partition,
            node: node.id,
            replicas: isOneEnough ? Array(sources.prefix(1)) : sources
        )
        self.begin(NodeTask(partition: partition, purpose: .fill, machine: .transfer(transfer)), at: node)
    }

    // MARK: Serving as a source

    /// - Returns: `nil` for what the control core answers itself.
    func answerOfSource(_ message: ControlMessage, at node: SimulatedNode) -> ControlMessage? {
        switch message {
        case .seal(let partition) where node.storage.quarantined.contains(partition):
            return .sealExpired
        case .seal(let partition):
            let image = SimulatedImage(node.storage.entries(of: .replica(partition)))
            guard image.records > 0 else { return .sealed(nil) }
            let seal = self.takeID()
            node.seals[seal] = image
            return .sealed(image.description(seal: seal))
        case .readBlock(_, let seal, let index):
            guard let image = node.seals[seal], !self.random.chance(self.network.faults.loss) else {
                return .sealExpired
            }
            let block = image.block(index)
            return .block(block, checksum: CRC32C.checksum(block))
        case .unseal(_, let seal):
            node.seals[seal] = nil
            return .sealExpired
        default:
            return nil
        }
    }
}
