/// Whether the replicas of each partition hold the same records: `GET /v1/cluster/roots`.
package enum RootsAPI {
    package struct Report: Codable, Sendable, Equatable {
        package var layoutVersion: Int
        package var partitions: Int
        /// Partitions whose replicas all answered with the same root.
        package var equal: Int
        /// The others, ascending.
        package var differing: [Partition]
        package var members: [Member]

        package init(layoutVersion: Int, partitions: Int, equal: Int, differing: [Partition], members: [Member]) {
            self.layoutVersion = layoutVersion
            self.partitions = partitions
            self.equal = equal
            self.differing = differing
            self.members = members
        }
    }

    package struct Partition: Codable, Sendable, Equatable {
        package var partition: Int
        package var replicas: [Replica]

        package init(partition: Int, replicas: [Replica]) {
            self.partition = partition
            self.replicas = replicas
        }
    }

    package struct Replica: Codable, Sendable, Equatable {
        /// The member's name.
        package var node: String
        /// Hexadecimal; `nil` when the replica cannot tell: its node did not answer, or it is quarantined.
        package var root: String?

        package init(node: String, root: String?) {
            self.node = node
            self.root = root
        }
    }

    package struct Member: Codable, Sendable, Equatable {
        package var name: String
        /// Whether it told the roots of its replicas; what is said of a member that did not is unknown.
        package var isAnswering: Bool
        /// Records that it holds for others; `nil` when it did not answer.
        package var hints: Int?

        package init(name: String, isAnswering: Bool, hints: Int?) {
            self.name = name
            self.isAnswering = isAnswering
            self.hints = hints
        }
    }
}
