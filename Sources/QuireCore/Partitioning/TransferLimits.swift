/// How fast partitions may move: the same for every node, decided with the layout.
package struct TransferLimits: Hashable, Sendable, Codable {
    /// What one node takes in per second; `nil` without a limit other than admission.
    package var bytesPerSecondMax: Int?
    /// Partitions that one node copies at the same time.
    package var transfersPerNodeMax: Int

    package init(bytesPerSecondMax: Int? = nil, transfersPerNodeMax: Int = 4) {
        self.bytesPerSecondMax = bytesPerSecondMax
        self.transfersPerNodeMax = transfersPerNodeMax
    }

    /// Partitions that one node has in hand at the same time: those that are copied, and three times as many that wait
    /// for their turn, or are checked, installed and compared with others. So copying does not wait for disks and peers.
    package var fillsPerNodeMax: Int { 4 * self.transfersPerNodeMax }

    package var isValid: Bool {
        (1...64).contains(self.transfersPerNodeMax) && (self.bytesPerSecondMax ?? 1) > 0
    }
}
