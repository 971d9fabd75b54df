import QuireCore

/// Faults, their healing, and what must hold after it.
extension SimulatedCluster {
    // MARK: Faults

    func crashSome() {
        guard !self.isHealed, let gap = self.configuration.faults.crashGap else { return }
        let isEverybody = self.random.chance(0.15)
        for id in self.order where isEverybody || self.random.chance(1 / Double(self.order.count)) {
            self.crash(id)
        }
        self.queue.schedule(.crash, after: self.random.around(gap))
    }

    /// The most telling moment for a loss of power is just after an acknowledgement.
    func crashAfterAcknowledgement() {
        guard !self.isHealed, self.configuration.faults.crashGap != nil, self.random.chance(0.01) else { return }
        self.order.forEach { self.crash($0) }
    }

    func crash(_ id: NodeID) {
        let node = self.node(id)
        guard node.isUp else { return }
        self.traced(id.rawValue)
        node.crashed()
        self.clientsLost(id)
        self.membership.lost(id)
        for peer in self.order where peer != id {
            _ = self.network.disconnect(from: id, to: peer)
            guard let generation = self.network.generation(from: peer, to: id) else { continue }
            let delay = Duration.milliseconds(Int.random(in: 1...60, using: &self.random))
            self.queue.schedule(.linkSilent(from: peer, to: id, generation: generation), after: delay)
        }
        self.queue.schedule(.restart(id), after: .milliseconds(Int.random(in: 20...900, using: &self.random)))
    }

    /// Isolates one node, cuts one pair, or cuts one direction of it.
    func partitionSome() {
        guard !self.isHealed, let gap = self.configuration.faults.partitionGap else { return }
        let victim = self.order[Int.random(in: self.order.indices, using: &self.random)]
        let isIsolated = self.random.chance(0.5)
        let isOneWay = self.random.chance(0.3)
        for peer in self.order where peer != victim && (isIsolated || self.random.chance(0.5)) {
            self.network.cut(from: victim, to: peer)
            if !isOneWay {
                self.network.cut(from: peer, to: victim)
            }
        }
        self.queue.schedule(.networkHealed, after: .milliseconds(Int.random(in: 50...1000, using: &self.random)))
        self.queue.schedule(.partition, after: self.random.around(gap))
    }

    // MARK: Healing

    func heal() {
        self.isHealed = true
        self.network.heal()
        self.network.faults = .none
        for id in self.order where !self.node(id).isUp {
            self.start(id)
        }
        // Messages that were on their way into a cut are lost for good: their links are made anew.
        for from in self.order {
            for to in self.order where from != to {
                self.breakLink(from: from, to: to)
            }
        }
    }

    /// The newest layout that any node has adopted.
    var newestLayout: Layout? {
        self.order.compactMap { self.node($0).control.layout }.max { $0.version < $1.version }
    }

    /// What is still in motion, for people.
    var unrest: String {
        let versions = self.order.map { "\(self.node($0).control.layout?.version.rawValue ?? 0)" }
        let moves = self.newestLayout?.moves.count ?? 0
        let clients = self.workload.waitingCount
        return "versions \(versions), \(moves) moves, \(clients) clients wait, \(self.membership.stateDescription)"
    }

    var isSettled: Bool {
        guard let layout = self.newestLayout, layout.moves.isEmpty, self.workload.waitingCount == 0 else {
            return false
        }
        guard self.membership.isFinished(layout) else { return false }
        return layout.members.allSatisfy { member in
            let node = self.node(member.id)
            let peers = node.wantedPeers
            return node.control.layout?.version == layout.version
                && peers.allSatisfy { self.network.generation(from: node.id, to: $0) != nil }
        }
    }

    /// Covers every replica by every other one of its row: what anti-entropy does sooner or later.
    func equalise() {
        guard let layout = self.newestLayout, self.checker.violations.isEmpty else { return }
        for partition in layout.partitionCount.partitions {
            let row = layout.readRow(of: partition)
            for holder in self.order {
                let hints = self.node(holder).storage.entries(of: .hints(partition))
                row.forEach { self.node($0).storage.install(hints, in: partition) }
            }
            for id in row {
                let cover = ReplicaCover(partition: partition, peers: row.filter { $0 != id })
                self.begin(
                    MoveTask(partition: partition, purpose: .equalise, machine: .cover(cover)),
                    at: self.node(id)
                )
            }
        }
        let deadline = self.queue.now + self.configuration.healTimeout
        while self.order.contains(where: { !self.node($0).tasks.isEmpty }), self.queue.now < deadline {
            self.step()
        }
    }

    func checkFinalRecords() {
        guard let layout = self.newestLayout, self.checker.violations.isEmpty else { return }
        for partition in layout.partitionCount.partitions {
            let row = layout.readRow(of: partition).map { self.node($0) }
            guard let first = row.first else { continue }
            let records = first.storage.live[.replica(partition)] ?? [:]
            for node in row.dropFirst() where node.storage.live[.replica(partition)] ?? [:] != records {
                self.checker.violated("replicas of partition \(partition) at \(first.id) and \(node.id) stay different")
            }
            for entry in first.storage.entries(of: .replica(partition)) {
                self.traced(entry.key.hash.rawValue)
                self.traced(entry.record.vector.entries.reduce(0) { $0 &+ $1.actor.rawValue &* $1.counter })
            }
        }
        for key in self.workload.keys {
            let partition = layout.partitionCount.partition(of: key)
            for id in layout.readRow(of: partition) {
                let record = self.node(id).storage.live[.replica(partition)]?[key] ?? Record()
                self.checker.finallyHeld(record, of: key, by: id)
            }
        }
    }
}
