import NIOCore
import QuireCore

/// Carries out the actions of `ReplicaCover`: makes this node's replica of a partition cover others.
struct CoverDriver: Sendable {
    let storage: StorageClient
    let control: ControlLoop

    /// - Returns: `nil` when everything is covered, else why not.
    func cover(_ partition: PartitionID, from peers: [NodeID]) async -> String? {
        self.control.node.activity.begin(partition)
        defer { self.control.node.activity.end(partition) }
        var machine = ReplicaCover(partition: partition, peers: peers)
        var action = machine.start()
        while true {
            switch action {
            case .finish:
                return nil
            case .fail(let reason):
                return reason
            case .store(let command):
                action = machine.answered(.storage(await self.storage.execute(command)))
            case .ask(let node, let message):
                do {
                    action = machine.answered(.peer(try await self.control.askData(node, message)))
                } catch {
                    action = machine.answered(.unreachable("\(error)"))
                }
            }
        }
    }
}
