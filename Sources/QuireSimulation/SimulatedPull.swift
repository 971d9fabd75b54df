import QuireCore

/// An image on its way into a simulated node: the blocks that are there, each verified.
struct SimulatedPull {
    let manifest: SealManifest
    private var blocks: [[UInt8]?]
    private(set) var isPulling = false

    /// - Parameter earlier: What another seal has brought; its blocks stay where the checksums say that they are good.
    init(_ manifest: SealManifest, keeping earlier: SimulatedPull?) {
        self.manifest = manifest
        self.blocks = manifest.checksums.enumerated().map { index, checksum in
            guard let earlier, index < earlier.blocks.count, let block = earlier.blocks[index],
                block.count == manifest.range(of: index).count, CRC32C.checksum(block) == checksum
            else { return nil }
            return block
        }
    }

    var heldBytes: Int { self.blocks.reduce(0) { $0 + ($1?.count ?? 0) } }
    var bytes: [UInt8] { self.blocks.flatMap { $0 ?? [] } }

    /// The question for the first block that is missing; `nil` when all are there.
    mutating func next(of partition: PartitionID) -> ControlMessage? {
        guard let index = self.blocks.firstIndex(where: { $0 == nil }) else {
            self.isPulling = false
            return nil
        }
        self.isPulling = true
        return .readBlocks(partition, seal: self.manifest.seal, blocks: [index..<index + 1])
    }

    mutating func end() {
        self.isPulling = false
    }

    /// - Returns: Whether it is the block that was asked for.
    mutating func arrived(_ block: [UInt8]) -> Bool {
        guard let index = self.blocks.firstIndex(where: { $0 == nil }),
            block.count == self.manifest.range(of: index).count,
            CRC32C.checksum(block) == self.manifest.checksums[index]
        else { return false }
        self.blocks[index] = block
        return true
    }
}
