import ArgumentParser
import QuireCore
import QuireNode

/// How a node forgets deleted keys. All members of a cluster must agree on the message lifetime.
struct TombstoneOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp(
            "Seconds after which messages that carry data are refused; the same on all nodes.",
            visibility: .hidden
        )
    )
    var messageLifetime = 10

    @Option(
        name: .long,
        help: ArgumentHelp("Seconds for which a deleted key is remembered at least.", visibility: .hidden)
    )
    var tombstoneAge = 600

    @Option(
        name: .long,
        help: ArgumentHelp("Seconds between two searches for deleted keys.", visibility: .hidden)
    )
    var tombstoneInterval = 60

    @Option(name: .long, help: "Hours for which the file of a partition that moved away is kept in DATA/retired.")
    var retiredGrace = 24

    func validate() throws {
        for (option, seconds) in [
            ("--message-lifetime", self.messageLifetime), ("--tombstone-age", self.tombstoneAge),
            ("--tombstone-interval", self.tombstoneInterval),
        ] where !(1...30 * 24 * 3600).contains(seconds) {
            throw ValidationError("\(option) must be in 1...\(30 * 24 * 3600) seconds, not \(seconds).")
        }
        guard (0...24 * 3660).contains(self.retiredGrace) else {
            throw ValidationError("--retired-grace must be in 0...\(24 * 3660) hours, not \(self.retiredGrace).")
        }
    }

    var settings: TombstoneSettings {
        var settings = TombstoneSettings()
        settings.rules.messageLifetime = .seconds(self.messageLifetime)
        settings.rules.ageMin = .seconds(self.tombstoneAge)
        settings.interval = .seconds(self.tombstoneInterval)
        settings.retiredGrace = .seconds(self.retiredGrace * 3600)
        return settings
    }
}
