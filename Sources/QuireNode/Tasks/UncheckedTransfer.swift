/// Carries a value that is used by one task at a time from the thread that made it.
///
/// `@unchecked Sendable`: whoever wraps a value hands it on and never touches it from two places at a time.
struct UncheckedTransfer<Value>: @unchecked Sendable {
    let value: Value

    init(_ value: Value) {
        self.value = value
    }
}
