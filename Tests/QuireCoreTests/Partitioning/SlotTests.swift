import QuireCore
import Testing

@Suite struct SlotTests {
    @Test func crcHasTheKnownValues() {
        #expect(CRC16.xmodem("123456789".utf8) == 0x31C3)
        #expect(CRC16.xmodem([]) == 0)
    }

    @Test func keysHashToTheSlotsThatRedisClientsCompute() throws {
        #expect(try #require(Key("foo")).slot.rawValue == 12182)
        #expect(try #require(Key("123456789")).slot.rawValue == 0x31C3)
    }

    @Test(arguments: [
        ("{user1000}.following", "user1000"),
        ("{user1000}.followers", "user1000"),
        ("foo{{bar}}zap", "{bar"),
        ("foo{bar}{zap}", "bar"),
        ("a}b{c}", "c"),
    ])
    func onlyTheHashTagCounts(_ key: String, _ hashed: String) throws {
        let whole = try #require(Key(key))
        #expect(whole.slot.rawValue == Int(CRC16.xmodem(hashed.utf8)) % 16384)
    }

    @Test(arguments: ["foo{}{bar}", "foo{bar", "foo}bar{", "{}"])
    func anEmptyOrOpenTagDoesNotCount(_ text: String) throws {
        let key = try #require(Key(text))
        #expect(key.slot.rawValue == Int(CRC16.xmodem(text.utf8)) % 16384)
    }

    @Test func keysAreOneToAThousandAndTwentyFourBytes() {
        #expect(Key("") == nil)
        #expect(Key(Array(repeating: UInt8(1), count: 1024)) != nil)
        #expect(Key(Array(repeating: UInt8(1), count: 1025)) == nil)
    }
}

@Suite struct PartitionCountTests {
    @Test(arguments: [8, 256, 4096])
    func partitionsAreEqualRangesOfSlots(_ count: Int) throws {
        let partitions = try #require(PartitionCount(count))
        var sizes = Array(repeating: 0, count: count)
        var last = PartitionID(0)
        for raw in 0..<Slot.count {
            let partition = partitions.partition(of: Slot(rawValue: raw))
            #expect(partition >= last)
            sizes[partition.rawValue] += 1
            last = partition
        }
        #expect(sizes == Array(repeating: 16384 / count, count: count))
        #expect(partitions.partitions.count == count)
    }

    @Test(arguments: [0, 4, 7, 24, 8192, -8])
    func othersAreRefused(_ count: Int) {
        #expect(PartitionCount(count) == nil)
    }
}
