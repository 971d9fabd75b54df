/// One value of the Redis serialization protocol, version 2 or 3.
///
/// Both null forms of RESP2 (`$-1`, `*-1`) and the one of RESP3 (`_`) are the same `.null`.
package enum RESPValue: Sendable, Hashable {
    case simple(String)
    /// The first word is the error's code, as in `ERR` or `QUORUM`.
    case error(String)
    case integer(Int64)
    case bulk([UInt8])
    case null
    case array([RESPValue])
    case map([Entry])
    case set([RESPValue])
    case double(Double)
    case boolean(Bool)
    /// Decimal digits with an optional sign; never computed with.
    case bigNumber(String)
    case verbatim(format: String, text: [UInt8])
    /// Out-of-band data of the server: not the answer to anything.
    case push([RESPValue])

    /// A pair of a map. Order is kept, for replies whose reader expects it.
    package struct Entry: Sendable, Hashable {
        package let key: RESPValue
        package let value: RESPValue

        package init(_ key: RESPValue, _ value: RESPValue) {
            self.key = key
            self.value = value
        }
    }

    package static func bulk(_ text: String) -> RESPValue {
        .bulk(Array(text.utf8))
    }

    /// An unsigned number as the signed integer of the same bits: RESP has no unsigned integers.
    package static func unsigned(_ value: UInt64) -> RESPValue {
        .integer(Int64(bitPattern: value))
    }

    package static let ok = RESPValue.simple("OK")
}

/// Which version of the protocol a connection speaks: 2 until `HELLO 3`.
package enum RESPVersion: Int, Sendable, Hashable {
    case two = 2
    case three = 3
}
