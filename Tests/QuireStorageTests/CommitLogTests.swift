import Foundation
import QuireCore
import QuireStorage
import Testing

@Suite struct CommitLogTests {
    /// The segment that took the latest writes.
    private func lastSegment(_ fixture: StorageFixture, shard: Int = 0) throws -> String {
        let names = try FileManager.default.contentsOfDirectory(atPath: fixture.directory + "/log").sorted()
        return fixture.directory + "/log/" + (try #require(names.last { $0.hasPrefix("\(shard)-") }))
    }

    private func change(_ path: String, _ body: (inout [UInt8]) -> Void) throws {
        var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        body(&bytes)
        try Data(bytes).write(to: URL(fileURLWithPath: path))
    }

    @Test(arguments: [1, 7, 8, 20, 100, 4096])
    func cutsATornTail(tailBytes: Int) async throws {
        let fixture = try StorageFixture()
        defer { fixture.remove() }
        let key = fixture.key(1, in: 0)
        _ = await fixture.run([fixture.mint(key, "v", request: 1)])
        fixture.engine.abandon()
        let path = try self.lastSegment(fixture)
        var whole = 0
        try self.change(path) { bytes in
            whole = bytes.count
            bytes += (0..<tailBytes).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ 5) }
        }
        try fixture.start()
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)).count == whole)
        #expect(await fixture.read(key)?.winner?.value == Array("v".utf8))
        try await fixture.engine.stop()
    }

    @Test func keepsWholeRecordsBeforeAHalfOne() async throws {
        let fixture = try StorageFixture()
        defer { fixture.remove() }
        let first = fixture.key(1, in: 0)
        let second = fixture.key(2, in: 0)
        _ = await fixture.run([fixture.mint(first, "v", request: 1)])
        _ = await fixture.run([fixture.mint(second, "v", request: 2)])
        fixture.engine.abandon()
        try self.change(try self.lastSegment(fixture)) { $0.removeLast() }
        try fixture.start()
        #expect(await fixture.read(first) != nil)
        #expect(await fixture.read(second) == nil)
        try await fixture.engine.stop()
    }

    @Test func refusesDamageThatLaterBatchesFollow() async throws {
        let fixture = try StorageFixture()
        defer { fixture.remove() }
        _ = await fixture.run([fixture.mint(fixture.key(1, in: 0), "v", request: 1)])
        _ = await fixture.run([fixture.mint(fixture.key(2, in: 0), "v", request: 2)])
        fixture.engine.abandon()
        let path = try self.lastSegment(fixture)
        try self.change(path) { $0[130] ^= 1 }
        let error = #expect(throws: StorageError.self) { try fixture.start() }
        #expect(error?.code == .corruptLog)
        #expect(error?.path == path)
        #expect(error?.message.contains("byte 100") == true)
        try self.change(path) { $0[130] ^= 1 }
        try fixture.start()
        try await fixture.engine.stop()
    }

    @Test func refusesDamageInASegmentThatHasASuccessor() async throws {
        let fixture = try StorageFixture()
        defer { fixture.remove() }
        _ = await fixture.run([fixture.mint(fixture.key(1, in: 0), "v", request: 1)])
        fixture.engine.abandon()
        let path = try self.lastSegment(fixture)
        try fixture.start()
        fixture.engine.abandon()
        try self.change(path) { $0[$0.count - 1] ^= 1 }
        #expect(throws: StorageError.self) { try fixture.start() }
        try self.change(path) { $0.removeLast() }
        let error = #expect(throws: StorageError.self) { try fixture.start() }
        #expect(error?.path == path)
    }

    @Test func refusesAHoleInTheSequence() async throws {
        let fixture = try StorageFixture()
        defer { fixture.remove() }
        for _ in 0..<2 {
            _ = await fixture.run([fixture.mint(fixture.key(1, in: 0), "v", request: 1)])
            try fixture.crash()
        }
        fixture.engine.abandon()
        let names = try FileManager.default.contentsOfDirectory(atPath: fixture.directory + "/log").sorted()
        let own = names.filter { $0.hasPrefix("0-") }
        #expect(own.count == 3)
        try FileManager.default.removeItem(atPath: fixture.directory + "/log/" + own[1])
        #expect(throws: StorageError.self) { try fixture.start() }
    }

    @Test func forgetsASegmentThatWasOnlyBeingCreated() async throws {
        let fixture = try StorageFixture()
        defer { fixture.remove() }
        let key = fixture.key(1, in: 0)
        _ = await fixture.run([fixture.mint(key, "v", request: 1)])
        fixture.engine.abandon()
        let path = fixture.directory + "/log/0-000000000002.log"
        try Data(repeating: 0, count: 60).write(to: URL(fileURLWithPath: path))
        try fixture.start()
        #expect(await fixture.read(key) != nil)
        try await fixture.engine.stop()
    }

    @Test func refusesTheLogOfAnotherCluster() async throws {
        let fixture = try StorageFixture()
        defer { fixture.remove() }
        fixture.engine.abandon()
        fixture.adjust = { $0.clusterID = "another" }
        let error = #expect(throws: StorageError.self) { try fixture.start() }
        #expect(error?.code == .foreignData)
    }

    @Test func removesSegmentsWhoseRecordsAreInFiles() async throws {
        let fixture = try StorageFixture { configuration in
            configuration.segmentBytes = 4096
            configuration.logBytesMax = 16384
        }
        defer { fixture.remove() }
        for request in 1...400 {
            let key = fixture.key(request % 50, in: request % 8)
            _ = await fixture.run([fixture.mint(key, String(repeating: "v", count: 100), request: UInt64(request))])
        }
        #expect(try await fixture.engine.statistics().logBytes <= 2 * (16384 + 3 * 4096))
        try fixture.crash()
        for request in 351...400 {
            #expect(await fixture.read(fixture.key(request % 50, in: request % 8)) != nil)
        }
        try await fixture.engine.stop()
    }

    @Test(arguments: [ENOSPC, EIO])
    func refusesWritesWhileTheLogFailsAndRecoversByItself(number: Int32) async throws {
        let fixture = try StorageFixture()
        defer { fixture.remove() }
        let key = Key("k")!
        let lost = Key("lost")!
        _ = await fixture.run([fixture.mint(key, "1", request: 1)])
        for isSync in [false, true] {
            if isSync { fixture.faults.syncError = number } else { fixture.faults.writeError = number }
            for request in 2...4 {
                let outcomes = await fixture.run([fixture.mint(lost, "x", request: UInt64(request))])[0]
                guard case .notDurable(let message) = outcomes.last?.failure else {
                    Issue.record("acknowledged: \(outcomes)")
                    return
                }
                #expect(message.contains("disk full") == (number == ENOSPC))
            }
            #expect(await fixture.read(key)?.winner?.value == Array("1".utf8))
            fixture.faults.writeError = nil
            fixture.faults.syncError = nil
            let again = await fixture.run([fixture.mint(key, "1", request: 1)])[0]
            #expect(again.last?.isDurable == true)
        }
        // What was in the buffer is durable since: a retry of the request finds it after a crash.
        let dot = await fixture.run([fixture.mint(lost, "x", request: 2)])[0].first?.mintedDot
        try fixture.crash()
        #expect(await fixture.read(lost)?.siblings.map(\.dot) == [try #require(dot)])
        #expect(await fixture.read(key)?.winner?.value == Array("1".utf8))
        try await fixture.engine.stop()
    }

    @Test func refusesWritesWhenTheBufferCannotBeFlushed() async throws {
        let fixture = try StorageFixture { $0.bufferBytesMax = 20_000 }
        defer { fixture.remove() }
        fixture.faults.flushError = ENOSPC
        var request: UInt64 = 0
        var refused = false
        while !refused && request < 1000 {
            request += 1
            let key = fixture.key(Int(request), in: 0)
            refused = await fixture.run([fixture.mint(key, "value", request: request)])[0].last?.failure != nil
        }
        #expect(refused)
        #expect(await fixture.read(fixture.key(1, in: 0)) != nil)
        fixture.faults.flushError = nil
        let key = fixture.key(Int(request), in: 0)
        #expect(await fixture.run([fixture.mint(key, "value", request: request)])[0].last?.isDurable == true)
        try await fixture.engine.stop()
    }
}
