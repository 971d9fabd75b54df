import Logging
import NIOCore
import NIOPosix
import QuireCore
import QuireStorage

/// Decided layouts that have not taken effect here yet, and how far the storage is ready for them.
struct AdoptionQueue {
    /// Ascending by version.
    var waiting: [Layout] = []
    var engine: StorageEngine?
    /// The membership that the storage is ready for, by the layout that it began with.
    private(set) var membership: LayoutVersion?
    /// Whether the storage is being opened, or made ready for another membership.
    var isPreparing = false

    mutating func began(_ membership: LayoutVersion) {
        self.membership = membership
    }

    /// The membership that the storage must be made ready for before `layout` takes effect; `nil` when it is.
    func membershipBegun(by layout: Layout, _ node: NodeID) -> LayoutVersion? {
        guard let since = layout.member(node)?.joinedAt else { return nil }
        guard let membership = self.membership else { return since }
        return since > membership ? since : nil
    }
}

/// The effect `adopt`: layouts take effect one after the other. The first one says to which cluster the data belongs,
/// so only then can the storage be opened; and what is left of an earlier membership is put away before this node
/// serves, fills or delivers anything in a new one (SAFETY rule 9).
extension ControlLoop {
    func adopt(_ layout: Layout) {
        self.adoption.waiting.append(layout)
        // Peers want to know the cluster before the storage is open.
        if self.currentServices == nil { self.publish(layout) }
        self.adoptWaiting()
    }

    /// The storage may still be getting ready: the order comes again then.
    func moveDriver(for order: ControlCore.CoverOrder) -> MoveDriver? {
        if let services = self.currentServices, !self.adoption.isPreparing { return services.moves }
        self.coverFailed(order, reason: "the storage is being opened")
        return nil
    }

    private func publish(_ layout: Layout) {
        guard layout.version > self.node.layoutVersion else { return }
        self.node.logger.info("layout adopted", metadata: ["version": "\(layout.version)"])
        self.node.adopt(layout)
        self.dismissGuests(layout.members.map(\.id))
    }

    private func adoptWaiting() {
        guard !self.adoption.isPreparing, let next = self.adoption.waiting.first else { return }
        guard let engine = self.adoption.engine else {
            self.openStorage(for: next)
            return
        }
        // Until there are services, all that waits is published.
        let coming = self.currentServices == nil ? self.node.layout ?? next : next
        if let since = self.adoption.membershipBegun(by: coming, self.node.member.id) {
            self.beginMembership(since, engine)
            return
        }
        let services = self.currentServices ?? self.startServices(engine)
        self.adoption.waiting.removeFirst()
        self.publish(next)
        services.gate.limit(next.limits)
        self.loops.forEach { $0.adopt(next, storage: engine) }
        self.adoptWaiting()
    }

    private func openStorage(for layout: Layout) {
        let node = self.node
        self.prepare("the data directory cannot be opened") {
            let engine = try await self.storeThread.runIfActive(eventLoop: self.eventLoop) {
                try NodeServices.openStorage(for: layout, node: node)
            }.get()
            // Waited for: a timer that goes on afterwards may be run before what was handed to the loop earlier.
            try await self.eventLoop.submit { self.adoption.engine = engine }.get()
        }
    }

    private func beginMembership(_ since: LayoutVersion, _ engine: StorageEngine) {
        self.prepare("what is left of an earlier membership cannot be put away") {
            let voided = try await engine.beginMembership(since: since)
            if voided != VoidedStores() {
                self.node.logger.notice(
                    "replicas and hints of an earlier membership count for nothing",
                    metadata: ["retired": "\(voided.partitions)", "hints": "\(voided.hints)", "since": "\(since)"]
                )
            }
            try await self.eventLoop.submit { self.adoption.began(since) }.get()
        }
    }

    /// Goes on with what waits afterwards; tries again after a while when it fails.
    private func prepare(_ complaint: String, _ work: @escaping @Sendable () async throws -> Void) {
        self.adoption.isPreparing = true
        Task {
            var delay = TimeAmount.zero
            do {
                try await work()
            } catch {
                self.node.logger.critical("\(complaint)", metadata: ["error": "\(error)"])
                delay = .seconds(5)
            }
            self.eventLoop.scheduleTask(in: delay) {
                self.adoption.isPreparing = false
                self.adoptWaiting()
            }
        }
    }

    private func startServices(_ engine: StorageEngine) -> NodeServices {
        let services = NodeServices(engine: engine, control: self, node: self.node)
        self.currentServices = services
        if let layout = self.node.layout {
            services.gate.limit(layout.limits)
            let held = layout.partitionCount.partitions.filter { layout.holders(of: $0).contains(self.node.member.id) }
            services.moves.keepOnly(Set(held))
        }
        return services
    }
}
