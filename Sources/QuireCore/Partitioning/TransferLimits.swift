/// How fast partitions may move: the same for every node, decided with the layout.
package struct TransferLimits: Hashable, Sendable, Codable {
    /// What one node takes in per second; `nil` without a limit other than admission.
    package var bytesPerSecondMax: Int?
    /// Partitions that one node takes in at the same time.
    package var transfersPerNodeMax: Int

    package init(bytesPerSecondMax: Int? = nil, transfersPerNodeMax: Int = 4) {
        self.bytesPerSecondMax = bytesPerSecondMax
        self.transfersPerNodeMax = transfersPerNodeMax
    }

    package var isValid: Bool {
        (1...64).contains(self.transfersPerNodeMax) && (self.bytesPerSecondMax ?? 1) > 0
    }
}
