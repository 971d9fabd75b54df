/// A condition that did not come true in time.
struct ConditionMissed: Error, CustomStringConvertible {
    let what: String
    let patience: Duration
    let lastError: String?

    var description: String {
        "not within \(self.patience): \(self.what)" + (self.lastError.map { " (last error: \($0))" } ?? "")
    }
}

/// Waits until a condition holds; one that throws does not hold yet.
///
/// - Throws: `ConditionMissed` at the deadline.
func eventually(
    _ what: String,
    within patience: Duration = .seconds(45),
    every pause: Duration = .milliseconds(50),
    _ condition: () async throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + patience
    var lastError: String?
    while true {
        do {
            if try await condition() { return }
            lastError = nil
        } catch let ended as NodeEnded {
            // Nothing that is waited for will come from a node that has given up.
            throw ended
        } catch {
            lastError = "\(error)"
        }
        guard ContinuousClock.now < deadline else {
            throw ConditionMissed(what: what, patience: patience, lastError: lastError)
        }
        try await Task.sleep(for: pause)
    }
}
