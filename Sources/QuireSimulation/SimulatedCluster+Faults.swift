import QuireCore

/// Faults, one function per kind.
extension SimulatedCluster {
    func befall(_ fault: Fault) {
        guard !self.isHealed, let gap = self.configuration.faults.gaps[fault] else { return }
        self.queue.schedule(.fault(fault), after: self.random.around(gap))
        let victim = self.node(self.random.one(of: self.order))
        switch fault {
        case .crash: self.crash(victim.id)
        case .powerLoss: self.order.forEach { self.crash($0) }
        case .partialPartition: self.cutOff(victim.id, chance: 0.5, isOneWay: false)
        case .oneWayPartition: self.cutOff(victim.id, chance: 0.7, isOneWay: true)
        case .isolation: self.cutOff(victim.id, chance: 1, isOneWay: false)
        case .split: self.splitInTwo()
        case .swizzle: self.swizzle()
        case .pause: self.pause(victim)
        case .clockJump: self.jumpClock(of: victim)
        case .slowDisk, .fullDisk: self.troubleDisk(of: victim, isFull: fault == .fullDisk)
        case .corruption: self.corrupt(victim)
        case .lostDisk: self.loseDisk(of: victim)
        }
    }

    // MARK: Crashes

    func crashAfterAcknowledgement() {
        let chance = self.configuration.faults.powerLossAfterAcknowledgement
        guard !self.isHealed, self.random.chance(chance) else { return }
        self.queue.schedule(.powerLost(longest: nil), after: .zero)
    }

    /// A node has adopted a layout as the first.
    func crashAfterDecision(of node: SimulatedNode) {
        guard !self.isHealed, self.random.chance(self.configuration.faults.powerLossAfterDecision) else { return }
        self.queue.schedule(.powerLost(longest: node.id), after: .zero)
    }

    /// - Parameter absence: `nil`: some time.
    func crash(_ id: NodeID, for absence: Duration? = nil) {
        let node = self.node(id)
        guard node.isUp else { return }
        self.traced(id.rawValue)
        node.crashed()
        self.clientsLost(id)
        self.operatorsLost(id)
        for peer in self.order where peer != id {
            _ = self.network.disconnect(from: id, to: peer)
            guard let generation = self.network.generation(from: peer, to: id) else { continue }
            self.queue.schedule(
                .linkSilent(from: peer, to: id, generation: generation),
                after: self.random.milliseconds(1...60)
            )
        }
        self.queue.schedule(.restart(id), after: absence ?? self.random.milliseconds(20...900))
    }

    /// The node crashes for good and its disk is gone, if the budget of losses allows it now.
    func destroy(_ node: SimulatedNode) {
        guard !self.destroyed.contains(node.id), self.loseDisk(of: node) else { return }
        self.destroyed.insert(node.id)
        node.storage.destroyed()
    }

    // MARK: Partitions

    private func cutOff(_ victim: NodeID, chance: Double, isOneWay: Bool) {
        let isOutward = self.random.chance(0.5)
        for peer in self.order where peer != victim && (chance == 1 || self.random.chance(chance)) {
            if !isOneWay || isOutward { self.network.cut(from: victim, to: peer) }
            if !isOneWay || !isOutward { self.network.cut(from: peer, to: victim) }
        }
        self.queue.schedule(.networkHealed, after: self.random.milliseconds(50...1500))
    }

    private func splitInTwo() {
        let sides = self.order.map { _ in self.random.chance(0.5) }
        for (from, side) in zip(self.order, sides) {
            for (to, other) in zip(self.order, sides) where side != other {
                self.network.cut(from: from, to: to)
            }
        }
        self.queue.schedule(.networkHealed, after: self.random.milliseconds(50...1500))
    }

    private func swizzle() {
        var pairs: [SimulatedNetwork.Pair] = []
        for from in self.order {
            for to in self.order where from != to && self.random.chance(0.4) {
                pairs.append(SimulatedNetwork.Pair(from: from, to: to))
            }
        }
        for pair in pairs.shuffled(using: &self.random) {
            self.queue.schedule(.clog(pair), after: self.random.milliseconds(0...400))
            self.queue.schedule(.unclog(pair), after: self.random.milliseconds(401...2500))
        }
    }

    func unclog(_ pair: SimulatedNetwork.Pair) {
        self.network.unclog(pair)
        for event in self.held.removeValue(forKey: pair) ?? [] {
            self.queue.schedule(event, after: self.network.delay(using: &self.random))
        }
    }

    // MARK: Time

    /// Half of the links to the node are given up by its peers meanwhile, and half of its own when it goes on.
    func pause(_ node: SimulatedNode, for length: Duration? = nil) {
        guard node.isRunning else { return }
        let length = length ?? self.random.milliseconds(200...4500)
        node.isPaused = true
        self.queue.schedule(.resume(node.id, life: node.life), after: length)
        for peer in self.order where peer != node.id && self.random.chance(0.5) {
            guard let generation = self.network.generation(from: peer, to: node.id) else { continue }
            self.queue.schedule(
                .linkSilent(from: peer, to: node.id, generation: generation),
                after: self.random.milliseconds(150...1200)
            )
        }
    }

    func resume(_ node: SimulatedNode) {
        node.isPaused = false
        let backlog = node.backlog
        node.backlog = []
        for peer in self.order where peer != node.id && self.random.chance(0.5) {
            guard let generation = self.network.generation(from: node.id, to: peer) else { continue }
            self.queue.schedule(
                .linkSilent(from: node.id, to: peer, generation: generation),
                after: self.random.milliseconds(0...40)
            )
        }
        for event in backlog {
            self.handle(event)
        }
    }

    private func jumpClock(of node: SimulatedNode) {
        let most = self.random.chance(0.2) ? 3_600_000 : 700
        node.clock.offsetMilliseconds = Int.random(in: -most...most, using: &self.random)
    }

    // MARK: Disks

    private func troubleDisk(of node: SimulatedNode, isFull: Bool) {
        if isFull {
            node.storage.isFull = true
        } else {
            node.isDiskSlow = true
        }
        self.queue.schedule(.diskMended(node.id), after: self.random.milliseconds(300...2500))
    }

    func mendDisk(of node: SimulatedNode) {
        node.storage.isFull = false
        node.isDiskSlow = false
    }

    private func corrupt(_ node: SimulatedNode) {
        guard node.isUp else { return }
        let partition = self.random.one(of: Array(self.partitionCount.partitions))
        guard self.newestLayout?.holders(of: partition).contains(node.id) ?? false,
            !node.storage.quarantined.contains(partition), self.mayLose([partition])
        else { return }
        self.losses[partition, default: 0] += 1
        self.lossAt[partition] = self.queue.now
        self.traced(UInt64(partition.rawValue))
        node.storage.damaged(partition)
    }

    /// - Returns: whether it was allowed.
    @discardableResult
    func loseDisk(of node: SimulatedNode) -> Bool {
        let partitions = self.partitionsHeld(by: node)
        guard node.isUp, !partitions.isEmpty, node.storage.quarantined.isEmpty, self.mayLose(partitions) else {
            return false
        }
        for partition in partitions {
            self.losses[partition, default: 0] += 1
            self.lossAt[partition] = self.queue.now
        }
        self.crash(node.id)
        node.storage.lost(partitions.filter { self.newestLayout?.holders(of: $0).contains(node.id) ?? false })
        return true
    }

    /// What a node does by itself about replicas that it had to set aside: it fetches them from their fellows.
    func refetchSome(at node: SimulatedNode) {
        guard !node.storage.quarantined.isEmpty, let layout = node.control.layout else { return }
        for partition in node.storage.quarantined.sorted() {
            let holders = layout.holders(of: partition)
            guard holders.contains(node.id) else {
                node.storage.refetched(partition)
                continue
            }
            let isRunning = node.tasks.values.contains { task in
                if case .refetch = task.purpose { return task.partition == partition }
                return false
            }
            guard !isRunning else { continue }
            var peers = holders.filter { holder in
                holder != node.id && !layout.lost.contains(holder)
                    && !self.node(holder).storage.quarantined.contains(partition)
            }
            if self.configuration.mutation == .refetchesFromOneFellow {
                peers = Array(peers.prefix(1))
            }
            let cover = ReplicaCover(partition: partition, peers: peers)
            let task = NodeTask(partition: partition, purpose: .refetch(layout.version), machine: .cover(cover))
            self.begin(task, at: node)
        }
    }
}
