import QuireWire
import Testing

@testable import quire

@Suite struct StatusTextTests {
    private static func member(
        _ name: String,
        seen: ClusterAPI.Sighting?,
        figures: [String: Int]?
    )
        -> ClusterAPI.MemberStatus
    {
        var member = ClusterAPI.MemberStatus(
            id: name,
            name: name,
            zone: "z",
            peer: "h:1",
            proxy: "h:2",
            http: "h:3",
            isUp: seen.map { $0.state == "reachable" } ?? true,
            tokens: 1,
            replicas: 1
        )
        member.seen = seen
        member.told = figures.map {
            .init(incarnation: 7, version: 1, layoutVersion: 4, peer: "h:1", proxy: "h:2", http: "h:3", figures: $0)
        }
        return member
    }

    private static func status(_ members: [ClusterAPI.MemberStatus]) -> StatusText {
        var status = ClusterAPI.Status(
            node: .init(id: "1", name: "n1"),
            clusterID: "c",
            layoutVersion: 4,
            partitions: 8,
            replicas: 3,
            readQuorum: 2,
            writeQuorum: 2,
            members: members,
            staged: [],
            change: nil
        )
        status.nowMilliseconds = 1_000_000
        return StatusText(status)
    }

    @Test func showsTheViewOfTheAskedNodeAsItsOwn() {
        let text = Self.status([
            Self.member("n1", seen: nil, figures: ["hints": 3]),
            Self.member(
                "n2",
                seen: .init(state: "unreachable", sinceMilliseconds: 880_000, lastHeardMilliseconds: 877_000),
                figures: ["hints": 1200, "hint-bytes": 2048, "hint-oldest-ms": 700_000]
            ),
            Self.member(
                "n3",
                seen: .init(state: "silent", sinceMilliseconds: 990_000, lastHeardMilliseconds: nil),
                figures: nil
            ),
        ])
        #expect(text.concerns == ["n2 is down", "n3 is silent"])
        #expect(text.rendered().contains("Out of reach as n1 sees it (other nodes may see otherwise):"))
        let lines = text.viewTable()?.split(separator: "\n").map { $0.split(separator: " ").joined(separator: " ") }
        #expect(
            lines == [
                "node seen for last heard layout hints held",
                "n2 unreachable 2m00s 2m03s ago 4 1,200 (2.0 KiB, oldest 5m00s)",
                "n3 silent 10s never ? ?",
            ]
        )
    }

    /// Whoever looks every morning sees at once that there is nothing to see.
    @Test func aHealthyClusterAtRestIsAVerdictAndATable() {
        let seen = ClusterAPI.Sighting(state: "reachable", sinceMilliseconds: 1000, lastHeardMilliseconds: 999_000)
        let text = Self.status([
            Self.member("n2", seen: seen, figures: ["hints": 0]), Self.member("n1", seen: nil, figures: [:]),
        ])
        #expect(text.viewTable() == nil)
        #expect(text.concerns == [])
        #expect(text.rendered() == text.verdict + "\n" + text.memberTable())
    }

    @Test func addressesAreListedOnRequest() {
        let lines = Self.status([Self.member("n1", seen: nil, figures: nil)]).addressTable().split(separator: "\n")
        #expect(
            lines.map { $0.split(separator: " ") } == [
                ["node", "id", "state", "zone", "proxy", "peer", "http"], ["n1", "n1", "up", "z", "h:2", "h:1", "h:3"],
            ]
        )
    }
}
