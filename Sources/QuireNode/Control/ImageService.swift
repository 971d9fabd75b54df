import Foundation
import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import QuireArchive
import QuireCore
import QuireStorage

/// Gives sealed partition files whole to a snapshot repository.
final class ImageService: Sendable {
    private let storage: StorageClient
    private let control: ControlLoop
    private let node: NodeRuntime
    private let cover: CoverDriver
    private let previous = NIOLockedValueBox<(intent: String, objects: PreviousObjects)?>(nil)

    init(storage: StorageClient, control: ControlLoop, node: NodeRuntime) {
        self.storage = storage
        self.control = control
        self.node = node
        self.cover = CoverDriver(storage: storage, control: control)
    }

    func checkRepository(_ path: String, intent: String, _ reply: PeerReply) {
        Task {
            reply.send(.control(.repositoryChecked(failure: Self.repositoryFailure(path, intent: intent))))
        }
    }

    /// - Returns: `nil` when this node sees the intent in the repository.
    static func repositoryFailure(_ path: String, intent: String) -> String? {
        do {
            let intents = try DirectoryRepository.open(at: path).intents()
            guard intents.contains(where: { $0.snapshot.text == intent }) else {
                return "\(path) is another directory here: every member must see the same one (a shared file system)"
            }
            return nil
        } catch {
            return "\(error)"
        }
    }

    func storeImage(_ partition: PartitionID, repository: String, intent: String, _ reply: PeerReply) {
        Task {
            do {
                let part = try await self.storeImage(partition, repository: repository, intent: intent)
                reply.send(.control(.imageStored(Array(try JSONEncoder().encode(part)))))
            } catch {
                reply.send(.failed("\(error)"))
            }
        }
    }

    /// Brings the partition into the repository so that it contains what every reachable holder holds now.
    ///
    /// The other holders are covered first, by ordinary merge; then this replica is sealed, and its image, or
    /// an object of equal content that is there already, stands for all (SAFETY rule 20).
    func storeImage(
        _ partition: PartitionID,
        repository path: String,
        intent: String
    ) async throws -> Manifest.Partition {
        try await self.node.admission.slice(of: .snapshot) {
            try await self.bringImage(of: partition, into: path, intent: intent)
        }
    }

    private func bringImage(
        of partition: PartitionID,
        into path: String,
        intent: String
    ) async throws -> Manifest.Partition {
        let others = (self.node.layout?.holders(of: partition) ?? []).filter { $0 != self.node.member.id }
        var consulted: [NodeID: MerkleLeaves] = [:]
        var missing: [NodeID] = []
        for other in others {
            if let leaves = await self.leaves(of: other, partition),
                await self.cover.cover(partition, from: [other]) == nil
            {
                consulted[other] = leaves
            } else {
                missing.append(other)
            }
        }
        let sealed = try await self.storage.engine.seal(partition)
        let roots =
            try consulted.map { try Self.consulted($0.key, $0.value) } + [
                Self.consulted(self.node.member.id, sealed?.leaves ?? MerkleLeaves())
            ]
        var part = Manifest.Partition(
            partition: partition,
            object: nil,
            isReused: false,
            consulted: roots.sorted { $0.node < $1.node },
            missing: missing.sorted()
        )
        guard let sealed else { return part }
        do {
            let (object, isReused) = try await self.object(of: sealed, in: path, intent: intent)
            part = Manifest.Partition(
                partition: partition,
                object: object,
                isReused: isReused,
                consulted: part.consulted,
                missing: part.missing
            )
            try await self.storage.engine.unseal(sealed)
            return part
        } catch {
            // The first error says more; a seal that stays ends by its age.
            try? await self.storage.engine.unseal(sealed)
            throw error
        }
    }

    private func leaves(of node: NodeID, _ partition: PartitionID) async -> MerkleLeaves? {
        // A member that does not answer is noted as missing; why is in the log of the link.
        guard case .leaves(let leaves)? = try? await self.control.askData(node, .readLeaves(partition)) else {
            return nil
        }
        return leaves
    }

    private static func consulted(_ node: NodeID, _ leaves: MerkleLeaves) throws -> Manifest.Consulted {
        guard let root = ContentHash(digestBytes: leaves.root) else {
            preconditionFailure("a Merkle root of \(leaves.root.count) bytes")
        }
        return Manifest.Consulted(node: node, root: root)
    }

    private func object(
        of sealed: SealedImage,
        in path: String,
        intent: String
    ) async throws -> (StoredObject?, isReused: Bool) {
        let repository = try DirectoryRepository.open(at: path)
        let configuration = self.storage.engine.configuration
        if let root = ContentHash(digestBytes: sealed.leaves.root) {
            let earlier = try self.previousObjects(in: repository, intent: intent, clusterID: configuration.clusterID)
            let found = try earlier.previousObject(
                for: sealed.partition,
                keyedRoot: root,
                recordCount: sealed.tally.records
            )
            if let found { return (found, true) }
        }
        let intake = UncheckedTransfer(try ImageIntake(for: repository))
        for index in 0..<sealed.blockCount {
            try intake.value.append(try await self.storage.engine.readBlock(sealed, index))
        }
        let identity = PartitionIdentity(
            clusterID: configuration.clusterID,
            partition: sealed.partition,
            partitionCount: configuration.partitionCount
        )
        // Compressing blocks its thread for long: not one of those that everything else shares.
        let stored = try await NIOThreadPool.singleton.runIfActive { try intake.value.store(as: identity) }
        return (stored, false)
    }

    /// All manifests are read once per snapshot, not once per partition.
    private func previousObjects(
        in repository: DirectoryRepository,
        intent: String,
        clusterID: String
    ) throws -> PreviousObjects {
        if let known = self.previous.withLockedValue({ $0 }), known.intent == intent { return known.objects }
        let objects = try PreviousObjects(in: repository, clusterID: clusterID)
        self.previous.withLockedValue { $0 = (intent, objects) }
        return objects
    }
}
