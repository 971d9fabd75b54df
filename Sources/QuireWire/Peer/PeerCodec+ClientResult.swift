import QuireCore

/// What became of a forwarded operation, as one nested array.
extension PeerCodec {
    static func value(of result: ClientResult) -> RESPValue {
        var fields = PeerFields()
        switch result {
        case .record(let record, let evidence):
            fields.append(text: "record")
            fields.append(bytes: record.encoded())
            fields.append(unsigned: evidence.fastest?.rawValue ?? 0)
            fields.append(integer: evidence.standIns)
        case .stored(let record, let wasLive, let standIns):
            fields.append(text: "stored")
            fields.append(bytes: record.encoded())
            fields.append(boolean: wasLive)
            fields.append(integer: standIns)
        case .keys(let keys, let next):
            fields.append(text: "keys")
            fields.append(.array(keys.map { .bulk($0.bytes) }))
            fields.append(unsigned: next.rawValue)
        case .count(let count):
            fields.append(text: "count")
            fields.append(integer: count)
        case .failed(let failure):
            self.write(failure, to: &fields)
        }
        return .array(fields.values)
    }

    private static func write(_ failure: ClientFailure, to fields: inout PeerFields) {
        switch failure {
        case .quorumLost(let acknowledged, let required, let operation):
            fields.append(text: "quorumLost")
            fields.append(integer: acknowledged)
            fields.append(integer: required)
            fields.append(text: operation == .read ? "read" : "write")
        case .notInitialised:
            fields.append(text: "notInitialised")
        case .starting:
            fields.append(text: "starting")
        case .draining:
            fields.append(text: "draining")
        case .overloaded:
            fields.append(text: "overloaded")
        case .notDurable(let reason):
            fields.append(text: "notDurable")
            fields.append(text: reason)
        case .invalid(let reason):
            fields.append(text: "invalid")
            fields.append(text: reason)
        }
    }

    static func clientResult(_ elements: [RESPValue]) throws(PeerCodecError) -> ClientResult {
        var fields = PeerFieldReader(elements)
        let result = try self.clientResult(try fields.text(), &fields)
        try fields.requireEnd()
        return result
    }

    private static func clientResult(
        _ name: String,
        _ fields: inout PeerFieldReader
    ) throws(PeerCodecError) -> ClientResult {
        switch name {
        case "record": return .record(try fields.record(), try self.evidence(&fields))
        case "stored":
            let record = try fields.record()
            return .stored(record, wasLive: try fields.boolean(), standIns: try fields.integer())
        case "keys": return .keys(try self.keys(&fields), next: ScanCursor(rawValue: try fields.unsigned()))
        case "count": return .count(try fields.integer())
        case "quorumLost": return .failed(try self.quorumLost(&fields))
        case "notInitialised": return .failed(.notInitialised)
        case "starting": return .failed(.starting)
        case "draining": return .failed(.draining)
        case "overloaded": return .failed(.overloaded)
        case "notDurable": return .failed(.notDurable(try fields.text()))
        case "invalid": return .failed(.invalid(try fields.text()))
        default: throw .malformed("unknown result '\(name)'")
        }
    }

    private static func evidence(_ fields: inout PeerFieldReader) throws(PeerCodecError) -> ReadEvidence {
        let fastest = try fields.unsigned()
        return ReadEvidence(
            fastest: fastest == 0 ? nil : NodeID(rawValue: fastest),
            standIns: try fields.integer()
        )
    }

    private static func quorumLost(_ fields: inout PeerFieldReader) throws(PeerCodecError) -> ClientFailure {
        let acknowledged = try fields.integer()
        let required = try fields.integer()
        switch try fields.text() {
        case "read": return .quorumLost(acknowledged: acknowledged, required: required, operation: .read)
        case "write": return .quorumLost(acknowledged: acknowledged, required: required, operation: .write)
        default: throw fields.malformed("read or write")
        }
    }

    private static func keys(_ fields: inout PeerFieldReader) throws(PeerCodecError) -> [Key] {
        var elements = PeerFieldReader(try fields.array())
        var keys: [Key] = []
        while !elements.isAtEnd {
            keys.append(try elements.key())
        }
        return keys
    }
}
