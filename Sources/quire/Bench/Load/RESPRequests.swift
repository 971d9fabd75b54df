import NIOCore

/// Writes the requests of a load in Redis's protocol: GET and SET, with a WAIT behind each SET if one is asked for.
struct RESPRequests: Sendable {
    private static let lineEnd = Array("\r\n".utf8)

    private let keys: LoadKeys
    private let getHead: [UInt8]
    private let setHead: [UInt8]
    private let valueHead: [UInt8]
    private let wait: [UInt8]

    /// - Parameter wait: Replicas that are to have received a SET before it counts; 0: no WAIT is sent.
    init(_ keys: LoadKeys, wait: Int) {
        self.keys = keys
        self.getHead = Array("*2\r\n$3\r\nGET\r\n$\(LoadKeys.keyBytes)\r\n".utf8)
        self.setHead = Array("*3\r\n$3\r\nSET\r\n$\(LoadKeys.keyBytes)\r\n".utf8)
        self.valueHead = Array("\r\n$\(keys.valueBytes)\r\n".utf8)
        let digits = String(wait)
        self.wait = wait == 0 ? [] : Array("*3\r\n$4\r\nWAIT\r\n$\(digits.utf8.count)\r\n\(digits)\r\n$1\r\n0\r\n".utf8)
    }

    /// - Parameter turn: Chooses the value.
    func write(_ operation: LoadOperation, turn: Int, into buffer: inout ByteBuffer) {
        switch operation.kind {
        case .get:
            buffer.writeBytes(self.getHead)
            self.keys.writeKey(operation.key, into: &buffer)
            buffer.writeBytes(Self.lineEnd)
        case .put:
            buffer.writeBytes(self.setHead)
            self.keys.writeKey(operation.key, into: &buffer)
            buffer.writeBytes(self.valueHead)
            self.keys.writeValue(turn: turn, into: &buffer)
            buffer.writeBytes(Self.lineEnd)
            buffer.writeBytes(self.wait)
        }
    }
}
