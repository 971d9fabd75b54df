import NIOCore

/// One client of a load: has at most one operation under way. Lives on one event loop.
protocol MeasuredClient: AnyObject {
    /// Called on the loop, exactly once for each operation begun.
    var finished: (LoadOutcome) -> Void { get set }

    /// Makes the connections that the first operation must not wait for.
    func connect() -> EventLoopFuture<Void>

    /// - Precondition: nothing is under way.
    func begin(_ operation: LoadOperation)

    /// Ends the connections; what is under way is never finished.
    func close()
}
