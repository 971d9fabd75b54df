package import NIOCore
package import QuireCore

/// Turns peer envelopes into bytes and back.
///
/// Every message is one RESP array (RESP3 nulls), so that a capture of a peer link can be read by any RESP
/// tool:
///
/// ```
/// [type, correlation, isReply, layoutVersion, sentAt, budget, fields...]
///
/// type           bulk string, one of the names below
/// correlation    64 bits, see u64
/// isReply        0 or 1
/// layoutVersion  integer >= 0
/// sentAt         integer >= 0, milliseconds of the sender's monotonic clock; 0: not said
/// budget         integer >= 0, milliseconds for which the sender waits for an answer; 0: no limit
///
/// int      integer >= 0                      u64    unsigned 64 bits, as the signed integer of the same bits
/// p        partition, integer 0...4095       v      layout version, integer >= 0
/// key      bulk, 1...1024 bytes              bytes  bulk
/// text     bulk, valid UTF-8                 x?     x or null
/// bool     integer 0 or 1                    record bulk, the canonical bytes of a Record
/// ballot   u64 round, u64 node               limit  int records, int bytes
/// after    null, or the hash (8 bytes, not always that of the key) and the key already seen, in one bulk string
/// page     array [key, record, key, record, ...]
/// nodes    array of 1 to 1024 Merkle nodes of one level, ascending, as int: a 1 and then the bits that their
///          hashes share. readSums: 0, 5 or 10 bits; readDigests: 16 bits
/// hashes   bulk of up to 1024 * 8 bytes, ascending         sums     bulk of 16 bytes each
///
/// get           p key                        put, hint     p key record bool:sync
/// getHint       p key                        getOutline    p key
/// putBatch      p page                       scan          p after limit
/// count         [p...]                       readLeaves    p
/// leafEntries   p int(0...1023) after limit  coordinate    key bytes? seen u64:high u64:low u64:timestamp int?:w
///                                                          text:all|one|buffered or empty, bool:asStandIn
/// readSums      p nodes                      readDigests   p nodes
/// readRecords   p hashes limit               offer         p [key...] sums
/// deliver       p page
///               seen = null for "every older sibling", else bulk of 16 bytes per vector entry: actor, counter
///
/// outline       bulk of 16 bytes per vector entry, bulk of 16 bytes per dot (actor, counter), both ascending
/// record        record?                      acknowledged  u64:timestamp bool:isSynced
/// coordinated   result                       page          page bool:isLast
/// counted       int                          leaves        bulk of 1024 * 16 bytes
/// failed        text                         sums          sums
/// fenced        v
/// digests       bulk of 24 bytes each: hash, digest; int:covered
/// lacking       [int...]
/// ```
///
/// `result` is an array: `[record, record, u64:fastest, int:standIns]`, `[stored, record, bool, int:standIns]`,
/// `[keys, [key...], u64:cursor]`, `[count, int]`, `[quorumLost, int, int, read|write]`, `[notInitialised]`, `[starting]`, `[overloaded]`,
/// `[notDurable, text]` or `[invalid, text]`. The control messages are listed in `PeerCodec+Control.swift`
/// and `PeerCodec+Gossip.swift`.
///
/// A reader refuses unknown types, missing, left-over and out-of-range fields, and records that are not
/// canonical. All integers in bulk strings are big-endian.
package enum PeerCodec {
    /// Batches and blocks are large; a message is still no more than 64 MiB.
    package static let limits = RESPLimits(
        bulkBytesMax: 64 << 20,
        elementsMax: 1 << 18,
        depthMax: 4,
        lineBytesMax: 1 << 10,
        messageBytesMax: 64 << 20
    )

    package static func encode(_ envelope: PeerEnvelope, into buffer: inout ByteBuffer) {
        var fields = PeerFields()
        let type = self.write(envelope.message, to: &fields)
        buffer.writeRESPHeader("*", Int64(fields.values.count + 6))
        buffer.writeRESPBulk(Array(type.rawValue.utf8))
        buffer.writeRESPHeader(":", Int64(bitPattern: envelope.correlation))
        buffer.writeRESPHeader(":", envelope.isReply ? 1 : 0)
        buffer.writeRESPHeader(":", Int64(envelope.version.rawValue))
        buffer.writeRESPHeader(":", Int64(clamping: envelope.sentAtMilliseconds))
        buffer.writeRESPHeader(":", Int64(clamping: envelope.budgetMilliseconds))
        let encoder = RESPEncoder(version: .three)
        for value in fields.values {
            encoder.encode(value, into: &buffer)
        }
    }

    package static func envelope(from value: RESPValue) throws(PeerCodecError) -> PeerEnvelope {
        guard case .array(let elements) = value else { throw .malformed("a message that is not an array") }
        var fields = PeerFieldReader(elements)
        let name = try fields.text()
        guard let type = PeerMessageType(rawValue: name) else { throw .unknownType(name) }
        let correlation = try fields.unsigned()
        let isReply = try fields.boolean()
        let version = try fields.layoutVersion()
        let sentAt = try fields.integer()
        let budget = try fields.integer()
        let message = try self.message(type, &fields)
        try fields.requireEnd()
        return PeerEnvelope(
            correlation: correlation,
            isReply: isReply,
            version: version,
            sentAtMilliseconds: UInt64(sentAt),
            budgetMilliseconds: UInt64(budget),
            message: message
        )
    }

    private static func write(_ message: PeerMessage, to fields: inout PeerFields) -> PeerMessageType {
        if case .control(let control) = message {
            return self.write(control, to: &fields)
        }
        return self.writeData(message, to: &fields)
    }

    private static func message(
        _ type: PeerMessageType,
        _ fields: inout PeerFieldReader
    ) throws(PeerCodecError) -> PeerMessage {
        if let message = try self.dataRequest(type, &fields) { return message }
        if let message = try self.dataAnswer(type, &fields) { return message }
        if let message = try self.repairMessage(type, &fields) { return message }
        if let message = try self.layoutMessage(type, &fields) { return .control(message) }
        if let message = try self.gossipMessage(type, &fields) { return .control(message) }
        if let message = try self.transferMessage(type, &fields) { return .control(message) }
        if let message = try self.tombstoneMessage(type, &fields) { return .control(message) }
        throw .unknownType(type.rawValue)
    }
}

/// Takes envelopes off the front of a buffer, as they arrive. After an error the link must be closed.
package struct PeerMessageParser: Sendable {
    private var parser = RESPValueParser(limits: PeerCodec.limits)

    package init() {}

    /// - Returns: `nil` when the next message has not arrived completely.
    package mutating func next(_ buffer: inout ByteBuffer) throws(PeerCodecError) -> PeerEnvelope? {
        let value: RESPValue?
        do {
            value = try self.parser.next(&buffer)
        } catch {
            throw .notRESP(error)
        }
        guard let value else { return nil }
        return try PeerCodec.envelope(from: value)
    }
}

/// Why bytes are not a peer message. The link must be closed: nothing of the message took effect.
package enum PeerCodecError: Error, Sendable, Equatable {
    case notRESP(RESPError)
    case unknownType(String)
    case missingField(index: Int)
    case extraFields(Int)
    case malformed(String)
    case malformedRecord(Record.DecodingError)
}
