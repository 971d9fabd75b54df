import QuireCore

/// The second half of a run: faults stop, and everything must come to rest.
extension SimulatedCluster {
    func heal() {
        self.isHealed = true
        self.network.heal()
        self.network.faults = .none
        for pair in self.held.keys.sorted(by: { ($0.from, $0.to) < ($1.from, $1.to) }) {
            self.unclog(pair)
        }
        for id in self.order {
            let node = self.node(id)
            self.mendDisk(of: node)
            if node.isPaused { self.resume(node) }
            if !node.isUp, !self.destroyed.contains(id) { self.start(id) }
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
        var newest: Layout?
        for id in self.order {
            guard let layout = self.node(id).control.layout else { continue }
            if newest.map({ $0.version < layout.version }) ?? true {
                newest = layout
            }
        }
        return newest
    }

    /// What is still in motion, for people.
    var unrest: String {
        let versions = self.order.map { "\(self.node($0).control.layout?.version.rawValue ?? 0)" }
        let clients = self.workload.waitingCount
        let unequal = self.newestLayout.map { self.unequalPartitions($0).count } ?? 0
        let hints = self.order.map { self.node($0).storage.hintCount }
        let damaged = self.order.reduce(0) { $0 + self.node($1).storage.quarantined.count }
        return "versions \(versions), \(clients) clients wait, \(damaged) replicas damaged, "
            + "hints \(hints), \(unequal) partitions unequal, "
            + self.operators.map(\.stateDescription).joined(separator: ", ") + "; " + self.blockers
    }

    /// What the moves that have not ended wait for, for people.
    private var blockers: String {
        guard let layout = self.newestLayout else { return "no layout" }
        let about =
            "members \(layout.members.map(\.id.rawValue)), voters \(layout.voters.map(\.rawValue)), "
            + "leaving \(layout.leaving.map(\.rawValue)), lost \(layout.lost.map(\.rawValue)), "
            + "destroyed \(self.destroyed.sorted().map(\.rawValue)), "
        guard let move = layout.moves.first else { return about + "no moves" }
        let given = move.receipts.map(\.node)
        let due = layout.receiptsDue(of: move).filter { !given.contains($0) }
        let work = due.map { id in
            let tasks = self.node(id).tasks.values.filter {
                $0.purpose.session != nil && $0.partition == move.partition
            }
            return "\(id.rawValue): \(tasks.isEmpty ? "idle" : "busy")"
        }
        let coordinators = layout.members.map(\.id).filter { id in
            self.node(id).isRunning && self.node(id).control.isLayoutCoordinator
        }
        let fenced = coordinators.map { self.node($0).control.fencedReplicas(of: move, in: layout)?.map(\.rawValue) }
        let change = layout.change.map { "\($0.kind) \($0.state.rawValue)" } ?? "no change"
        return about + "\(layout.moves.count) moves in version \(layout.version), \(change): "
            + "partition \(move.partition) from \(move.from.map(\.rawValue)) to \(move.to.map(\.rawValue)) in "
            + "\(move.phase), fence \(move.fence), receipts due of \(work), coordinators "
            + "\(coordinators.map(\.rawValue)), which know as fenced \(fenced)"
    }

    var isSettled: Bool {
        guard let view = self.operatorView, view.layout.moves.isEmpty, self.workload.waitingCount == 0 else {
            return false
        }
        for index in self.operators.indices {
            guard self.operators[index].isFinished(view) else { return false }
        }
        let members = view.layout.members.map(\.id)
        guard members.allSatisfy({ self.node($0).storage.hintCount == 0 }), self.unequalPartitions(view.layout).isEmpty
        else {
            return false
        }
        return view.layout.members.allSatisfy { member in
            let node = self.node(member.id)
            let peers = node.wantedPeers
            return node.control.layout?.version == view.layout.version && node.storage.quarantined.isEmpty
                && peers.allSatisfy { self.network.generation(from: node.id, to: $0) != nil }
        }
    }

    /// Lets time pass until nothing moves, no hint is left and all replicas of a row are equal.
    func comeToRest() {
        let deadline = self.queue.now + self.configuration.healTimeout
        var lookAt = self.queue.now
        while self.checker.violations.isEmpty {
            if self.queue.now >= lookAt {
                if self.isSettled { return }
                lookAt = self.queue.now + .milliseconds(50)
            }
            guard self.queue.now < deadline else {
                self.checker.violated("not at rest \(self.configuration.healTimeout) after healing: \(self.unrest)")
                return
            }
            self.step()
        }
    }

    /// The partitions of whose row some replicas hold something else than others.
    private func unequalPartitions(_ layout: Layout) -> [PartitionID] {
        layout.partitionCount.partitions.filter { partition in
            let replicas = layout.readRow(of: partition).map { self.node($0).storage.live[.replica(partition)] ?? [:] }
            return replicas.dropFirst().contains { $0 != replicas[0] }
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
        for key in self.workload.allKeys {
            let partition = layout.partitionCount.partition(of: key)
            for id in layout.readRow(of: partition) {
                self.checker.finallyHeld(
                    self.node(id).storage.record(of: key, in: .replica(partition)),
                    of: key,
                    by: id
                )
            }
        }
    }
}
