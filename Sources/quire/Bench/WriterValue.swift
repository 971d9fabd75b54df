/// The value that the background writer stores: it says which write it is, and proves that it is whole.
///
/// Text: the sequence number, a space, the key, a space, then filler that follows from the sequence number, up
/// to the size asked for. So a reader can name the write and see a torn or mixed value.
enum WriterValue {
    static let bytesMin = 64

    static func bytes(sequence: Int, key: String, sizeBytes: Int) -> [UInt8] {
        var bytes = Array("\(sequence) \(key) ".utf8)
        var state = UInt64(truncatingIfNeeded: sequence) &* 0x9E37_79B9_7F4A_7C15 | 1
        while bytes.count < sizeBytes {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            bytes.append(UInt8(ascii: "a") + UInt8(state % 26))
        }
        return bytes
    }

    /// - Returns: The sequence number, or `nil` when these are not the bytes of a write to this key.
    static func sequence(of bytes: [UInt8], key: String) -> Int? {
        let digits = bytes.prefix { $0 != 0x20 }
        guard let sequence = Int(String(decoding: digits, as: UTF8.self)), sequence >= 0 else { return nil }
        return bytes == Self.bytes(sequence: sequence, key: key, sizeBytes: bytes.count) ? sequence : nil
    }
}
