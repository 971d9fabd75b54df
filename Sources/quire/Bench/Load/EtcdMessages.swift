import NIOCore

/// The requests and answers of etcd 3.4's `etcdserverpb.KV` that a load needs.
///
/// ```
/// PutRequest     key = 1 bytes, value = 2 bytes
/// RangeRequest   key = 1 bytes; without serializable = 7 the read is linearizable
/// RangeResponse  header = 1, kvs = 2, more = 3, count = 4 int64
/// ```
enum EtcdMessages {
    static let putPath = "/etcdserverpb.KV/Put"
    static let rangePath = "/etcdserverpb.KV/Range"

    static func writePut(_ keys: LoadKeys, key: Int, turn: Int, into buffer: inout ByteBuffer) {
        GRPCMessage.write(into: &buffer) { buffer in
            buffer.writeProtobufBytesHeader(field: 1, count: LoadKeys.keyBytes)
            keys.writeKey(key, into: &buffer)
            buffer.writeProtobufBytesHeader(field: 2, count: keys.valueBytes)
            keys.writeValue(turn: turn, into: &buffer)
        }
    }

    static func writeRange(_ keys: LoadKeys, key: Int, into buffer: inout ByteBuffer) {
        GRPCMessage.write(into: &buffer) { buffer in
            buffer.writeProtobufBytesHeader(field: 1, count: LoadKeys.keyBytes)
            keys.writeKey(key, into: &buffer)
        }
    }

    /// How many keys a `RangeResponse` has found.
    static func rangeCount(_ response: ByteBuffer) throws(ProtobufFields.Malformation) -> UInt64 {
        var response = response
        var count: UInt64 = 0
        while let field = try ProtobufFields.next(&response) {
            if field.number == 4, case .varint(let found) = field.value { count = found }
        }
        return count
    }
}
