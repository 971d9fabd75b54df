import QuireCore
import Testing

@Suite struct MerkleNodeTests {
    @Test func childrenCutTheirParentWithoutGaps() {
        var level = [MerkleNode.root]
        for _ in 0..<2 {
            for node in level {
                let children = node.children
                #expect(children.first?.hashes.lowerBound == node.hashes.lowerBound)
                #expect(children.last?.hashes.upperBound == node.hashes.upperBound)
                for (left, right) in zip(children, children.dropFirst()) {
                    #expect(left.hashes.upperBound.rawValue + 1 == right.hashes.lowerBound.rawValue)
                }
            }
            level = level.flatMap(\.children)
        }
        #expect(level.count == MerkleLeaves.count)
        #expect(level == (0..<MerkleLeaves.count).map { MerkleNode(leaf: $0) })
        #expect(MerkleNode(leaf: 1023).children.last?.hashes.upperBound == KeyHash(rawValue: .max))
        #expect(MerkleNode(leaf: 7).children.first?.children.isEmpty == true)
    }

    @Test func numbersNameEachNodeOnce() {
        var seen: Set<Int> = []
        for leaf in 0..<MerkleLeaves.count {
            let node = MerkleNode(leaf: leaf)
            for each in [node] + node.children {
                #expect(seen.insert(each.number).inserted)
                #expect(MerkleNode(number: each.number) == each)
            }
        }
    }

    @Test(arguments: [0, -1, 2, 31, 64, 1023, 2048, 65535, 131_072, Int.max, Int.min])
    func otherNumbersAreNoNodes(number: Int) {
        #expect(MerkleNode(number: number) == nil)
    }

    @Test(arguments: [0, 1, 0x0123_4567_89AB_CDEF, UInt64.max])
    func theTwigOfAHashHoldsIt(hash: UInt64) {
        let hash = KeyHash(rawValue: hash)
        let twig = MerkleNode(twigOf: hash)
        #expect(twig.hashes.contains(hash))
        #expect(MerkleNode(leaf: MerkleLeaves.leaf(of: hash)).children.contains(twig))
    }

    /// The sums above the leaves come from the leaves; below, from the records; both are the same sums.
    @Test func sumsAddUpToTheLeaves() throws {
        var leaves = MerkleLeaves()
        var digests: [HashDigest] = []
        for number in 0..<200 {
            let key = try #require(Key("key\(number)"))
            let digest = ReplicaModel.digest(key, .minted(UInt64(number) + 1))
            leaves.replace(0, with: digest, at: key.hash)
            digests.append(HashDigest(hash: key.hash, digest: digest))
        }
        let branches = MerkleNode.root.children
        #expect(leaves.childSums(of: .root) == MerkleReading.childSums(of: [.root], in: digests))
        #expect(branches.flatMap { leaves.childSums(of: $0) ?? [] } == leaves.sums)
        let leaf = MerkleNode(leaf: MerkleLeaves.leaf(of: digests[0].hash))
        #expect(leaves.childSums(of: leaf) == nil)
        #expect(MerkleReading.childSums(of: [leaf], in: digests).reduce(0, &+) == leaves.sums[leaf.prefix])
    }
}
