/// A value of a mixed load: which write made it, what it holds, padding, and a checksum that also covers the key.
///
/// ```
/// 3.1842|PAYLOAD|xxxx|0f3a…      the checksum is FNV-1a, 64 bits, over key, a zero byte, and all before the last bar
/// ```
struct LoadValue: Equatable {
    let id: OperationID
    let payload: LoadPayload

    /// - Parameter sizeBytes: Padding is added up to it.
    func bytes(key: String, sizeBytes: Int) -> [UInt8] {
        var text = "\(self.id)|\(self.payload.text)|"
        text += String(repeating: "x", count: max(0, sizeBytes - text.utf8.count - 17))
        return Array((text + "|" + Self.checksum(key, text)).utf8)
    }

    /// - Returns: `nil` for bytes that no client has written under this key.
    init?(_ bytes: [UInt8], key: String) {
        let parts = String(decoding: bytes, as: UTF8.self).split(separator: "|", omittingEmptySubsequences: false)
        guard parts.count == 4, let id = OperationID(parts[0]), let payload = LoadPayload(parts[1]) else { return nil }
        guard parts[3] == Self.checksum(key, parts[0..<3].joined(separator: "|")) else { return nil }
        self.init(id: id, payload: payload)
    }

    init(id: OperationID, payload: LoadPayload) {
        self.id = id
        self.payload = payload
    }

    private static func checksum(_ key: String, _ text: String) -> String {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in Array(key.utf8) + [0] + Array(text.utf8) {
            hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3
        }
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

/// What a value means to the clients of a mixed load, and how they merge siblings.
enum LoadPayload: Equatable {
    /// Just a value.
    case plain
    /// A set to which each write adds itself: `s3.17,4.2`.
    case set([OperationID])
    /// How often each client has counted, by client: `c0:12,3:7`.
    case counter([Int: Int])

    var text: String {
        switch self {
        case .plain: "p"
        case .set(let elements): "s" + OperationID.text(elements.sorted())
        case .counter(let counts):
            "c" + counts.sorted { $0.key < $1.key }.map { "\($0.key):\($0.value)" }.joined(separator: ",")
        }
    }

    init?(_ text: some StringProtocol) {
        switch text.first {
        case "p" where text.count == 1:
            self = .plain
        case "s":
            guard let elements = OperationID.list(text.dropFirst()) else { return nil }
            self = .set(elements)
        case "c":
            var counts: [Int: Int] = [:]
            for part in text.dropFirst().split(separator: ",", omittingEmptySubsequences: true) {
                let pair = part.split(separator: ":", omittingEmptySubsequences: false)
                guard pair.count == 2, let client = Int(pair[0]), let count = Int(pair[1]) else { return nil }
                counts[client] = count
            }
            self = .counter(counts)
        default:
            return nil
        }
    }

    /// The union of what the siblings hold.
    static func elements(of siblings: [LoadValue]) -> Set<OperationID> {
        siblings.reduce(into: []) { elements, sibling in
            if case .set(let own) = sibling.payload { elements.formUnion(own) }
        }
    }

    /// The greatest count of each client in any sibling.
    static func counts(of siblings: [LoadValue]) -> [Int: Int] {
        siblings.reduce(into: [:]) { counts, sibling in
            if case .counter(let own) = sibling.payload { counts.merge(own, uniquingKeysWith: max) }
        }
    }
}
