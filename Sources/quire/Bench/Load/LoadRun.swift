import NIOCore
import NIOPosix
import QuireCore

/// One run of a load: its clients spread over event loops of its own.
struct LoadRun: Sendable {
    struct Settings: Sendable {
        let target: LoadTarget
        let addresses: [ProxyAddress]
        let clients: Int
        let threads: Int
        let keys: Int
        let valueBytes: Int
        let mix: LoadMix
        let distribution: KeyDistribution
        let seed: UInt64
        /// Operations per second; `nil` for a closed loop.
        let rate: Double?
        /// `nil`: puts every key once and ends.
        let duration: Duration?
        let wait: Int
    }

    let settings: Settings

    func run() async throws -> LoadTally {
        let settings = self.settings
        let keys = LoadKeys(count: settings.keys, valueBytes: settings.valueBytes, seed: settings.seed)
        let map = settings.target == .etcd ? nil : try await SlotMap.fetch(settings.target, from: settings.addresses)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: settings.threads)
        do {
            let tally = try await self.run(keys, map, on: group)
            try await group.shutdownGracefully()
            return tally
        } catch {
            try await group.shutdownGracefully()
            throw error
        }
    }

    private func run(_ keys: LoadKeys, _ map: SlotMap?, on group: MultiThreadedEventLoopGroup) async throws -> LoadTally
    {
        let loops = Array(group.makeIterator())
        var drivers: [NIOLoopBound<LoadDriver>] = []
        for (place, loop) in loops.enumerated() {
            drivers.append(
                try await loop.submit { NIOLoopBound(self.driver(place, loop, keys, map), eventLoop: loop) }.get()
            )
        }
        for (driver, loop) in zip(drivers, loops) {
            do {
                try await loop.flatSubmit { driver.value.connect() }.get()
            } catch {
                let words = FailureReason.words(error)
                throw CommandFailure("unreachable", "cannot connect all clients: \(words)", status: .unreachable)
            }
        }
        // All begin together: each is started before any is waited for.
        let results = zip(drivers, loops).map { driver, loop in loop.flatSubmit { driver.value.run() } }
        var whole = LoadTally()
        for result in results { whole.add(try await result.get()) }
        return whole
    }

    /// - Parameter place: Of the loop; it has the clients `place`, `place + threads`, ….
    private func driver(_ place: Int, _ loop: any EventLoop, _ keys: LoadKeys, _ map: SlotMap?) -> LoadDriver {
        let settings = self.settings
        let share = stride(from: place, to: settings.clients, by: settings.threads)
        let seed = settings.seed &+ UInt64(place) &* 0x9E37_79B9
        let source: LoadSource
        if settings.duration == nil {
            source = .filling(next: place, step: settings.threads, end: settings.keys)
        } else {
            let chooser = KeyChooser(settings.distribution, count: settings.keys)
            source = .drawn(settings.mix, chooser, SeededGenerator(seed: seed))
        }
        return LoadDriver(
            loop: loop,
            clients: self.clients(Array(share), loop, keys, map),
            source: source,
            duration: settings.duration.map { TimeAmount($0) },
            schedule: settings.rate.map {
                ArrivalSchedule(rate: $0 * Double(share.underestimatedCount) / Double(settings.clients), seed: ~seed)
            }
        )
    }

    private func clients(
        _ numbers: [Int],
        _ loop: any EventLoop,
        _ keys: LoadKeys,
        _ map: SlotMap?
    ) -> [any MeasuredClient] {
        let settings = self.settings
        guard let map else {
            return numbers.map { number in
                let endpoint = settings.addresses[number % settings.addresses.count]
                return EtcdLoadClient(keys, endpoint: endpoint, loop: loop, turn: number << 32)
            }
        }
        let router = SlotRouter(map, loop: loop) { try await SlotMap.fetch(settings.target, from: settings.addresses) }
        return numbers.map {
            RESPLoadClient(keys, wait: settings.wait, router: router, loop: loop, turn: $0 << 32)
        }
    }
}
