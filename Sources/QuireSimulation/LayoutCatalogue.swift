import QuireCore

/// Gives each layout of a run a number, which stands for its bytes on the simulated wire.
///
/// `@unchecked Sendable`: a simulated cluster lives on one thread; the cores demand sendable closures only because
/// real nodes have several.
final class LayoutCatalogue: @unchecked Sendable {
    private let mutation: Mutation?
    private var numbers: [Layout: UInt64] = [:]
    private var layouts: [Layout] = []

    init(mutation: Mutation?) {
        self.mutation = mutation
    }

    func encode(_ layout: Layout) -> [UInt8] {
        let layout = self.mutation == .keepsReceiptsInMemory ? layout.withoutReceipts : layout
        let number = self.numbers[layout] ?? UInt64(self.layouts.count)
        if self.numbers.updateValue(number, forKey: layout) == nil {
            self.layouts.append(layout)
        }
        var bytes: [UInt8] = []
        bytes.appendBigEndian(number)
        return bytes
    }

    func decode(_ bytes: [UInt8]) -> Layout? {
        let number = bytes.reduce(0) { $0 << 8 | Int($1) }
        return self.layouts.indices.contains(number) ? self.layouts[number] : nil
    }

    /// - Parameter node: Whoever decodes it.
    func decode(_ bytes: [UInt8], at node: NodeID) -> Layout? {
        guard let layout = self.decode(bytes) else { return nil }
        let isObjection = self.mutation == .refusesWhatWasDecided && node.rawValue == 1 && !layout.moves.isEmpty
        return isObjection ? nil : layout
    }
}
