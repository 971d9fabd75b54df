/// The few words that matter of an error from the network.
enum FailureReason {
    private static let known = [
        "Connection refused", "Connection reset", "No route to host", "Network is unreachable", "Broken pipe",
    ]

    static func words(_ error: any Error) -> String {
        let text = "\(error)"
        if let match = Self.known.first(where: { text.contains($0) }) { return match.lowercased() }
        if text.lowercased().contains("timeout") || text.lowercased().contains("timed out") { return "timed out" }
        if text.contains("connectionClosed") { return "the connection ended" }
        return text
    }
}
