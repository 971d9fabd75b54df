import QuireCore

extension Version {
    static func sample(actor: UInt64, counter: UInt64, value: String?, timestamp: UInt64 = 1) -> Version {
        Version(
            dot: Dot(actor: ActorID(rawValue: actor), counter: counter),
            timestamp: HybridTimestamp(rawValue: timestamp),
            request: RequestID(high: actor, low: counter),
            value: value.map { Array($0.utf8) }
        )
    }

    var text: String? { self.value.map { String(decoding: $0, as: UTF8.self) } }
}
