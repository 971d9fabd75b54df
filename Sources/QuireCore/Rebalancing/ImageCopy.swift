/// Brings the file of one of several replicas here, and makes it the partition's file (DESIGN §6, steps 4 and 5).
///
/// The file is sealed at its source, its blocks that are missing here are pulled, then it is installed under the live
/// writes. Whatever was pulled stays for the next attempt, be it of this machine or of a later one: the manifest of the
/// next seal says which blocks are still good.
///
/// A source that dies, refuses, or sends a bad block is followed by the next one; each such step is a `Setback`. A seal
/// that expires is renewed at the same source, which after some of them serves a copy of its own; a source that lets
/// more than `expirationsMax` seals expire is followed by the next one too. A copy that does not pass its checks is
/// thrown away first: its blocks cannot be trusted.
///
/// Transitions: `sealing → preparing → pulling → releasing → installing → over`; back to `sealing` by a setback.
package struct ImageCopy: Sendable {
    package enum Action: Equatable, Sendable {
        case ask(NodeID, PeerMessage)
        /// Make room for this image in `incoming/`, and find out which of its blocks are there already.
        case prepareImage(SealManifest)
        /// Pull what is missing; each block is verified before it is written.
        case pullBlocks(NodeID, SealManifest)
        case discardImage
        /// Sync the image, check it, and make it the partition's file, keeping all that was written meanwhile.
        case installImage
        /// Let the source have its file back; the next action follows by `unsealed()`, whatever it answers.
        case unseal(NodeID, seal: UInt64)
        /// Installed, or nothing to copy.
        case finish
        case fail(String)
    }

    package enum Answer: Sendable {
        case peer(PeerMessage)
        case prepared(heldBytes: Int)
        /// All is pulled, discarded, or installed.
        case done
        /// The source needs its file back.
        case expired
        /// The source, the link to it, a block, or the whole copy is bad.
        case bad(String)
        /// This node cannot go on: another source would not help.
        case failed(String)
    }

    /// Why another attempt was made.
    package struct Setback: Equatable, Sendable {
        package let source: NodeID
        package let reason: String

        package init(source: NodeID, reason: String) {
            self.source = source
            self.reason = reason
        }
    }

    package static let expirationsMax = 4

    private enum State {
        case sealing
        case preparing(SealManifest)
        case pulling(SealManifest)
        /// `nil`: without installing anything.
        case releasing(SealManifest?)
        case installing(SealManifest)
        case discarding(reason: String)
        case over
    }

    package private(set) var setbacks: [Setback] = []
    /// The file that was installed.
    package private(set) var installed: SealManifest?
    /// What is copied now.
    package private(set) var manifest: SealManifest?
    /// Of it, what was here before the first block was asked for.
    package private(set) var heldBytes = 0
    private let partition: PartitionID
    private let ownRecords: Int
    private var sources: [NodeID]
    private var expirations = 0
    private var state = State.over

    /// - Parameters:
    ///   - sources: In the order in which they are tried; not empty.
    ///   - ownRecords: What is here already. When that is most of what the source has, nothing is copied.
    package init(partition: PartitionID, sources: [NodeID], ownRecords: Int) {
        precondition(!sources.isEmpty, "partition \(partition) has no replica to copy from")
        self.partition = partition
        self.sources = sources
        self.ownRecords = ownRecords
    }

    /// `nil` when it is over without a source left.
    package var source: NodeID? { self.sources.first }
    package var isInstalling: Bool {
        switch self.state {
        case .releasing(.some), .installing: true
        case .sealing, .preparing, .pulling, .releasing(.none), .discarding, .over: false
        }
    }

    package mutating func start() -> Action { self.seal() }

    /// The seal has been let go.
    package mutating func unsealed() -> Action {
        guard case .releasing(let manifest) = self.state else { preconditionFailure("nothing was to be unsealed") }
        guard let manifest else { return self.end(.finish) }
        self.state = .installing(manifest)
        return .installImage
    }

    package mutating func answered(_ answer: Answer) -> Action {
        switch answer {
        case .peer(let message): return self.peerAnswered(message)
        case .failed(let reason): return self.end(.fail(reason))
        case .expired: return self.sealExpired()
        case .bad(let reason): return self.gotBad(reason)
        case .prepared(let heldBytes):
            guard case .preparing(let manifest) = self.state, let source = self.source else { break }
            self.heldBytes = heldBytes
            self.state = .pulling(manifest)
            return .pullBlocks(source, manifest)
        case .done:
            switch self.state {
            case .pulling(let manifest):
                return self.release(manifest.seal, thenInstalling: manifest)
            case .installing(let manifest):
                self.installed = manifest
                return self.end(.finish)
            case .discarding(let reason): return self.tryNext(reason)
            case .sealing, .preparing, .releasing, .over: break
            }
        }
        return self.end(.fail("unexpected answer while copying"))
    }

    private mutating func peerAnswered(_ message: PeerMessage) -> Action {
        guard case .sealing = self.state else { return self.end(.fail("unexpected answer while copying")) }
        switch message {
        case .control(.sealed(nil)):
            return self.end(.finish)
        case .control(.sealed(let manifest?)):
            self.manifest = manifest
            guard self.ownRecords * 2 <= manifest.records else { return self.release(manifest.seal) }
            self.state = .preparing(manifest)
            return .prepareImage(manifest)
        case .control(.sealExpired):
            return self.sealExpired()
        case .failed(let reason):
            return self.tryNext("the source refused: \(reason)")
        default:
            return self.tryNext("the source did not answer the question for a seal")
        }
    }

    private mutating func seal() -> Action {
        guard let source = self.source else { preconditionFailure("no source is left") }
        self.state = .sealing
        return .ask(source, .control(.seal(self.partition)))
    }

    private mutating func release(_ seal: UInt64, thenInstalling manifest: SealManifest? = nil) -> Action {
        guard let source = self.source else { preconditionFailure("no source is left") }
        self.state = .releasing(manifest)
        return .unseal(source, seal: seal)
    }

    private mutating func sealExpired() -> Action {
        self.expirations += 1
        let reason = "the source needed its file back"
        guard self.expirations < Self.expirationsMax, let source = self.source else { return self.tryNext(reason) }
        self.setbacks.append(Setback(source: source, reason: reason))
        return self.seal()
    }

    private mutating func gotBad(_ reason: String) -> Action {
        switch self.state {
        case .installing:
            self.state = .discarding(reason: reason)
            return .discardImage
        case .sealing, .preparing, .pulling, .releasing, .discarding, .over:
            return self.tryNext(reason)
        }
    }

    private mutating func tryNext(_ reason: String) -> Action {
        guard let source = self.source else { return self.end(.fail(reason)) }
        self.setbacks.append(Setback(source: source, reason: reason))
        self.sources.removeFirst()
        self.expirations = 0
        return self.sources.isEmpty ? self.end(.fail(reason)) : self.seal()
    }

    private mutating func end(_ action: Action) -> Action {
        self.state = .over
        return action
    }
}
