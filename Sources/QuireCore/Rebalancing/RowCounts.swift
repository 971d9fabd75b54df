/// How many tokens and replicas each node has in a set of rows, counted once.
struct RowCounts {
    private var tokenCounts: [NodeID: Int] = [:]
    private var replicaCounts: [NodeID: Int] = [:]

    init(_ rows: [[NodeID]]) {
        for row in rows {
            if let owner = row.first {
                self.tokenCounts[owner, default: 0] += 1
            }
            for node in row {
                self.replicaCounts[node, default: 0] += 1
            }
        }
    }

    func tokens(of node: NodeID) -> Int { self.tokenCounts[node] ?? 0 }
    func replicas(of node: NodeID) -> Int { self.replicaCounts[node] ?? 0 }
}
