import QuireCore
import Testing

@Suite struct PreferenceListTests {
    /// Dynamo §4.3: the list contains more than N nodes, all distinct.
    @Test func startsWithTheRowAndNamesEveryMemberOnce() throws {
        let layout = try Layout.initial(Member.inZones([3, 3, 3]), partitions: 32)
        for partition in layout.partitionCount.partitions {
            let list = PreferenceList.fallback(for: partition, in: layout)
            #expect(Array(list.prefix(3)) == layout.readRow(of: partition))
            #expect(list.sorted() == layout.members.map(\.id))
        }
    }

    @Test func prefersStandInsInZonesThatTheRowDoesNotUse() throws {
        let layout = try Layout.initial(Member.inZones([2, 2, 2, 2, 2]), partitions: 32)
        for partition in layout.partitionCount.partitions {
            let list = PreferenceList.fallback(for: partition, in: layout)
            let zones = list.compactMap { layout.member($0)?.zone }
            #expect(Set(zones.prefix(5)).count == 5)
            #expect(Set(zones.suffix(5)).count == 5)
        }
    }

    @Test func differentPartitionsPreferDifferentStandIns() throws {
        let layout = try Layout.initial(Member.inZones([9]))
        let standIns = layout.partitionCount.partitions.map { PreferenceList.fallback(for: $0, in: layout)[3] }
        for member in layout.members {
            #expect(standIns.count { $0 == member.id } > 10)
        }
    }
}
