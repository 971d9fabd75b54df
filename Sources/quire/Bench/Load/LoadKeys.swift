import NIOCore
import QuireCore

/// The numbered keys of a load and the bytes of its values, the same for every kind of server.
///
/// Key `n` is `load:` and eleven decimal digits: 16 bytes. Values are pieces of one block of random bytes, at another
/// place each time, so that no server gains by compressing them and none costs the generator anything to make.
struct LoadKeys: Sendable {
    static let keyBytes = 16
    private static let prefix = Array("load:".utf8)
    private static let placeCount = 1 << 16

    let count: Int
    let valueBytes: Int
    private let block: [UInt8]
    private let slots: [UInt16]

    init(count: Int, valueBytes: Int, seed: UInt64) {
        self.count = count
        self.valueBytes = valueBytes
        var generator = SeededGenerator(seed: seed)
        self.block = (0..<Self.placeCount + valueBytes).map { _ in UInt8.random(in: 0...255, using: &generator) }
        self.slots = (0..<count).map { UInt16(CRC16.xmodem(Self.bytes(of: $0)) % UInt16(Slot.count)) }
    }

    static func bytes(of number: Int) -> [UInt8] {
        var bytes = Self.prefix + [UInt8](repeating: UInt8(ascii: "0"), count: Self.keyBytes - Self.prefix.count)
        var rest = number
        var place = Self.keyBytes - 1
        while rest > 0, place >= Self.prefix.count {
            bytes[place] = UInt8(ascii: "0") + UInt8(rest % 10)
            rest /= 10
            place -= 1
        }
        return bytes
    }

    func slot(of number: Int) -> Int {
        Int(self.slots[number])
    }

    func writeKey(_ number: Int, into buffer: inout ByteBuffer) {
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: Self.keyBytes) { space in
            for (place, byte) in Self.prefix.enumerated() { space[place] = byte }
            var rest = number
            for place in stride(from: Self.keyBytes - 1, through: Self.prefix.count, by: -1) {
                space[place] = UInt8(ascii: "0") + UInt8(rest % 10)
                rest /= 10
            }
            return Self.keyBytes
        }
    }

    /// - Parameter turn: Any number; values of neighbouring turns differ.
    func writeValue(turn: Int, into buffer: inout ByteBuffer) {
        let place = (turn &* 4099) & (Self.placeCount - 1)
        buffer.writeBytes(self.block[place..<place + self.valueBytes])
    }
}
