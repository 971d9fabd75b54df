import Dispatch
import Glibc

/// Remembers that SIGINT or SIGTERM arrived, for loops that end between two steps instead of in the middle of one.
actor StopSignal {
    private(set) var isRaised = false
    private var sources: [any DispatchSourceSignal] = []

    /// Begins to listen; until the process ends these signals no longer kill it.
    func listen() {
        for number in [SIGINT, SIGTERM] {
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number)
            source.setEventHandler { @Sendable in Task { await self.raise() } }
            source.activate()
            self.sources.append(source)
        }
    }

    func raise() {
        self.isRaised = true
    }
}
