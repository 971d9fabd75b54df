import QuireCore

/// At least one message of every type, with seeded contents.
enum SampleMessages {
    static func all(_ random: inout SeededGenerator) -> [PeerMessage] {
        Self.requests(&random) + Self.answers(&random) + Self.repairMessages(&random)
            + Self.results(&random).map { .coordinated($0) } + Self.controlMessages(&random).map { .control($0) }
    }

    private static func partition(_ random: inout SeededGenerator) -> PartitionID {
        PartitionID(random.number(0...4095))
    }

    private static func page(_ random: inout SeededGenerator) -> [KeyedRecord] {
        (0..<random.number(0...4)).map { _ in KeyedRecord(key: random.key(), record: random.record()) }
    }

    private static func requests(_ random: inout SeededGenerator) -> [PeerMessage] {
        let limit = PageLimit(records: random.number(0...1000), bytes: random.number(0...1 << 20))
        let put = PutRequest(
            key: random.key(),
            value: random.bool() ? random.bytes(0...40) : nil,
            supersession: random.bool() ? .older : .context(random.vector()),
            writeQuorum: random.bool() ? random.number(1...7) : nil
        )
        return [
            .get(Self.partition(&random), random.key()),
            .put(Self.partition(&random), random.key(), random.record()),
            .hint(Self.partition(&random), random.key(), random.record(), sync: false),
            .getHint(Self.partition(&random), random.key()),
            .getOutline(Self.partition(&random), random.key()),
            .outline(RecordOutline(of: random.record())),
            .putBatch(Self.partition(&random), Self.page(&random)),
            .coordinate(
                put,
                request: RequestID(high: random.next(), low: random.next()),
                timestamp: HybridTimestamp(rawValue: random.next())
            ),
            .scan(Self.partition(&random), after: nil, limit: limit),
            .scan(
                Self.partition(&random),
                after: ScanPosition(hash: KeyHash(rawValue: random.next()), key: random.key()),
                limit: limit
            ),
            .count((0..<random.number(0...5)).map { _ in Self.partition(&random) }),
            .readLeaves(Self.partition(&random)),
            .leafEntries(
                Self.partition(&random),
                leaf: random.number(0...1023),
                after: random.bool() ? ScanPosition(key: random.key()) : nil,
                limit: limit
            ),
        ]
    }

    private static func answers(_ random: inout SeededGenerator) -> [PeerMessage] {
        let sums = (0..<MerkleLeaves.count).map { _ in UInt128(random.next()) << 64 | UInt128(random.next()) }
        return [
            .record(nil), .record(Record()), .record(random.record()),
            .acknowledged(latestTimestamp: HybridTimestamp(rawValue: random.next())),
            .page(Self.page(&random), isLast: random.bool()),
            .counted(random.number(0...Int.max)),
            .leaves(MerkleLeaves(sums: sums) ?? MerkleLeaves()),
            .failed(random.text()), .fenced(LayoutVersion(random.number(0...1 << 30))),
        ]
    }

    private static func repairMessages(_ random: inout SeededGenerator) -> [PeerMessage] {
        let hashes = Set((0..<random.number(0...5)).map { _ in random.next() }).sorted().map(KeyHash.init(rawValue:))
        let leaves = Set((0..<random.number(1...5)).map { _ in random.number(0...1023) }).sorted()
        let digest = { (random: inout SeededGenerator) in UInt128(random.next()) << 64 | UInt128(random.next()) }
        return [
            .readSums(Self.partition(&random), [.root]),
            .readSums(Self.partition(&random), Array(MerkleNode.root.children.prefix(random.number(1...32)))),
            .readSums(Self.partition(&random), leaves.map { MerkleNode(leaf: $0) }),
            .readDigests(
                Self.partition(&random),
                Array(MerkleNode(leaf: random.number(0...1023)).children.suffix(random.number(1...64)))
            ),
            .readRecords(Self.partition(&random), hashes, limit: PageLimit(records: random.number(0...1000))),
            .offer(
                Self.partition(&random),
                (0..<random.number(0...4)).map { _ in KeyDigest(key: random.key(), digest: digest(&random)) }
            ),
            .deliver(Self.partition(&random), Self.page(&random)),
            .sums((0..<random.number(0...40)).map { _ in digest(&random) }),
            .digests(
                hashes.map { HashDigest(hash: $0, digest: digest(&random)) },
                covered: random.number(0...1000)
            ),
            .lacking((0..<random.number(0...9)).map { _ in random.number(0...1000) }),
        ]
    }

    private static func results(_ random: inout SeededGenerator) -> [ClientResult] {
        [
            .record(random.record()),
            .stored(random.record(), wasLive: random.bool()),
            .keys((0..<random.number(0...4)).map { _ in random.key() }, next: ScanCursor(rawValue: random.next())),
            .count(random.number(0...1 << 50)),
            .failed(.quorumLost(acknowledged: random.number(0...6), required: 2, operation: .read)),
            .failed(.quorumLost(acknowledged: 1, required: random.number(2...7), operation: .write)),
            .failed(.notInitialised), .failed(.starting), .failed(.overloaded), .failed(.notDurable(random.text())),
            .failed(.invalid(random.text())),
        ]
    }

    private static func layoutMessages(_ random: inout SeededGenerator) -> [ControlMessage] {
        let version = LayoutVersion(random.number(0...1 << 30))
        let ballot = Ballot(round: random.next(), node: NodeID(rawValue: random.next()))
        let layout = random.bytes(0...60)
        let endpoints = (0..<3).map { _ in Endpoint(host: random.text(), port: random.number(0...65535)) }
        let member = Member(
            id: NodeID(rawValue: random.next()),
            name: random.text(),
            zone: random.text(),
            peer: endpoints[0],
            proxy: endpoints[1],
            http: endpoints[2]
        )
        let receipt = PartitionMove.Receipt(
            node: NodeID(rawValue: random.next()),
            root: random.text(),
            bytes: random.number(0...1 << 40),
            checksum: random.text(),
            sources: (0..<random.number(0...4)).map { _ in NodeID(rawValue: random.next()) }
        )
        let phases: [PartitionMove.Phase] = [.dualWrite, .readNew, .draining]
        return [
            .identify, .identity(member, clusterID: random.bool() ? random.text() : nil, version: version),
            .gossip(version), .layout(layout), .nothingNewer(version), .prepare(version, ballot),
            .promise(version, ballot, accepted: nil),
            .promise(version, ballot, accepted: AcceptedLayout(ballot: ballot, layout: layout)),
            .accept(version, ballot, layout: layout), .accepted(version, ballot),
            .refused(version, promised: ballot, decided: version.next), .decided(layout), .adopted(version),
            .installFence(version), .fenceInstalled(version), .collectReceipts,
            .receipts(
                phases.map { phase in
                    PartitionReceipt(
                        partition: Self.partition(&random),
                        phase: phase,
                        fence: version,
                        receipt: receipt
                    )
                },
                hintsHeld: random.number(0...1 << 20)
            ),
        ]
    }

    private static func entry(_ random: inout SeededGenerator) -> GossipEntry {
        let endpoints = (0..<3).map { _ in Endpoint(host: random.text(), port: random.number(0...65535)) }
        let figures = (0..<random.number(0...5)).map { ("f\($0)", random.number(0...GossipEntry.numberMax)) }
        return GossipEntry(
            member: Member(
                id: NodeID(rawValue: random.next()),
                name: random.text(),
                zone: random.text(),
                peer: endpoints[0],
                proxy: endpoints[1],
                http: endpoints[2]
            ),
            stamp: .init(
                incarnation: random.number(0...GossipEntry.numberMax),
                version: random.number(0...GossipEntry.numberMax)
            ),
            layoutVersion: LayoutVersion(random.number(0...1 << 30)),
            figures: GossipFigures(Dictionary(uniqueKeysWithValues: figures)) ?? GossipFigures()
        )
    }

    private static func gossipMessages(_ random: inout SeededGenerator) -> [ControlMessage] {
        let version = LayoutVersion(random.number(0...1 << 30))
        let entries = (0..<random.number(0...4)).map { _ in Self.entry(&random) }
        let nodes = (0..<random.number(0...4)).map { _ in NodeID(rawValue: random.next()) }
        return [
            .gossipDigests(version, []), .gossipDigests(version, entries.map(\.digest)),
            .gossipDifference(version, entries: entries, wanted: nodes),
            .gossipDifference(version, entries: [], wanted: []),
            .gossipEntries(entries),
        ]
    }

    private static func transferMessages(_ random: inout SeededGenerator) -> [ControlMessage] {
        let partition = Self.partition(&random)
        let checksums = (0..<random.number(0...5)).map { _ in UInt32(truncatingIfNeeded: random.next()) }
        let manifest = SealManifest(
            seal: random.next(),
            sizeBytes: checksums.count * 4096,
            blockBytes: 4096,
            records: random.number(0...1 << 30),
            checksums: checksums
        )
        let start = random.number(0...1 << 20)
        return [
            .seal(partition), .sealed(nil), .sealed(manifest),
            .readBlocks(partition, seal: random.next(), blocks: []),
            .readBlocks(partition, seal: random.next(), blocks: [start..<start + 1, start + 1..<start + 9]),
            .block(random.bytes(0...100)), .sealExpired,
            .unseal(partition, seal: random.next()),
            .storeImage(partition, repository: random.text(), intent: random.text()),
            .imageStored(nil), .imageStored(random.bytes(0...40)),
            .checkRepository(random.text(), intent: random.text()),
            .repositoryChecked(failure: nil), .repositoryChecked(failure: random.text()),
            .settleHints, .hintsSettled(unserved: []),
            .hintsSettled(unserved: [HintGap(partition: partition, member: NodeID(rawValue: random.next()))]),
            .collectStatistics, .collectRoots, .statistics(random.bytes(0...40)), .startRepair,
            .repairStarted(pairs: random.number(0...5000)),
        ]
    }

    private static func controlMessages(_ random: inout SeededGenerator) -> [ControlMessage] {
        Self.layoutMessages(&random) + Self.gossipMessages(&random) + Self.transferMessages(&random)
            + Self.tombstoneMessages(&random)
    }

    private static func tombstoneMessages(_ random: inout SeededGenerator) -> [ControlMessage] {
        let items = (0..<random.number(0...5)).map { _ in
            TombstoneBatch.Item(key: random.key(), digest: UInt128(random.next()) << 64 | UInt128(random.next()))
        }
        let batch = TombstoneBatch(
            partition: Self.partition(&random),
            version: LayoutVersion(random.number(0...1 << 30)),
            settledMilliseconds: UInt64(random.number(0...1 << 50)),
            distanceMilliseconds: UInt64(random.number(0...1 << 30)),
            items: items
        )
        let exceptions = (0..<random.number(0...5)).map { _ in random.number(0...TombstoneBatch.countMax - 1) }
        return [
            .attestTombstones(batch), .dropTombstones(batch),
            .tombstonesAnswered(.granted(epoch: random.next(), exceptions: exceptions)),
        ] + TombstoneObstacle.allCases.map { .tombstonesAnswered(.refused($0)) }
    }
}
