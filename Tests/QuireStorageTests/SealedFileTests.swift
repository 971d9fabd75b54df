import Foundation
import Glibc
import QuireCore
import QuireStorage
import Testing

/// Reading sealed images beside SQLite (SAFETY rule 16).
@Suite struct SealedFileTests {
    private let partition = PartitionID(1)

    private func fixture(records: Int = 3000) async throws -> StorageFixture {
        let fixture = try StorageFixture()
        let value = String(repeating: "v", count: 500)
        _ = await fixture.run(
            (0..<records).map { fixture.mint(fixture.key($0, in: 1), value, request: UInt64($0 + 1)) }
        )
        return fixture
    }

    private func read(_ file: SealedFile) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: file.image.sizeBytes)
        try bytes.withUnsafeMutableBytes { try file.read(at: 0, into: $0) }
        return bytes
    }

    private func blocks(of seal: SealedImage, _ fixture: StorageFixture) async throws -> [[UInt8]] {
        var blocks: [[UInt8]] = []
        for index in 0..<seal.blockCount { blocks.append(try await fixture.engine.readBlock(seal, index)) }
        return blocks
    }

    /// Looks at the locks of a file as another process would see them.
    ///
    /// Its own descriptor stays open: closing it would drop the locks that it is to find.
    private struct Locks {
        let descriptor: Int32

        init(of path: String) {
            self.descriptor = open(path, O_RDWR)
        }

        var areHeld: Bool {
            var lock = flock()
            lock.l_type = Int16(F_WRLCK)
            // `F_OFD_GETLK`: locks of this process conflict with it as well.
            guard fcntl(self.descriptor, 36, &lock) == 0 else { return false }
            return lock.l_type != Int16(F_UNLCK)
        }
    }

    @Test func holdsTheSameBytesAsTheBlocksOfTheShard() async throws {
        let fixture = try await self.fixture()
        defer { fixture.remove() }
        let seal = try #require(try await fixture.engine.seal(self.partition))
        #expect(seal.blockCount > 1)
        let file = try await fixture.engine.open(seal)
        let blocks = try await self.blocks(of: seal, fixture)
        #expect(try self.read(file) == blocks.flatMap { $0 })
        #expect(try file.checksums(of: 0..<seal.blockCount) == blocks.map { CRC32C.checksum($0) })
        #expect(try self.read(file)[18..<20] == [1, 1])
        try await fixture.engine.stop()
    }

    @Test func aCopyOutlivesTheSealAndHasNoName() async throws {
        let fixture = try await self.fixture()
        defer { fixture.remove() }
        let seal = try #require(try await fixture.engine.seal(self.partition))
        let path = fixture.engine.incomingPath(named: "1.lent")
        let copy = try await fixture.engine.open(seal).copied(by: path)
        let before = try await self.blocks(of: seal, fixture).flatMap { $0 }
        try await fixture.engine.unseal(seal)
        #expect(copy.isCopy)
        #expect(!FileManager.default.fileExists(atPath: path))
        _ = await fixture.run([fixture.mint(fixture.key(0, in: 1), "later", request: 9_999)])
        _ = try await fixture.engine.seal(self.partition)
        #expect(try self.read(copy) == before)
        try await fixture.engine.stop()
    }

    @Test func isRefusedWhenTheSealIsGone() async throws {
        let fixture = try await self.fixture(records: 10)
        defer { fixture.remove() }
        let seal = try #require(try await fixture.engine.seal(self.partition))
        #expect(try await fixture.engine.holds(seal))
        try await fixture.engine.unseal(seal)
        #expect(try await !fixture.engine.holds(seal))
        let error = await #expect(throws: StorageError.self) { _ = try await fixture.engine.open(seal) }
        #expect(error?.code == .sealExpired)
        try await fixture.engine.stop()
    }

    @Test func readersComeAndGoAndTheOwnerKeepsItsLocks() async throws {
        let fixture = try await self.fixture(records: 10)
        defer { fixture.remove() }
        let seal = try #require(try await fixture.engine.seal(self.partition))
        let locks = Locks(of: fixture.directory + "/partitions/1.db")
        for _ in 0..<3 {
            let file = try await fixture.engine.open(seal)
            #expect(try !self.read(file).isEmpty)
        }
        #expect(locks.areHeld)
        try await fixture.engine.stop()
        #expect(!locks.areHeld)
        close(locks.descriptor)
    }

    /// The file is closed while it is read, and opened again: the reader's end must not take the new locks away.
    @Test func aReaderThatOutlivesTheConnectionLeavesTheLocksOfTheNextOneAlone() async throws {
        let fixture = try await self.fixture(records: 10)
        defer { fixture.remove() }
        let seal = try #require(try await fixture.engine.seal(self.partition))
        let locks = Locks(of: fixture.directory + "/partitions/1.db")
        var file: SealedFile? = try await fixture.engine.open(seal)
        let bytes = try self.read(try #require(file))
        try await fixture.restart()
        #expect(await fixture.scan(1).count == 10)
        #expect(locks.areHeld)
        #expect(try self.read(try #require(file)).count == bytes.count)
        file = nil
        #expect(locks.areHeld)
        try await fixture.engine.stop()
        close(locks.descriptor)
    }

    @Test(arguments: [0, 1, 7, 8, 9, 63, 4096, 100_001])
    func theFastChecksumIsTheSame(count: Int) {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ 7) }
        let fast = bytes.withUnsafeBytes { BlockChecksum.of($0) }
        #expect(fast == CRC32C.checksum(bytes))
        let split = count / 3
        let first = bytes[..<split].withUnsafeBytes { BlockChecksum.of($0) }
        #expect(bytes[split...].withUnsafeBytes { BlockChecksum.of($0, continuing: first) } == fast)
    }
}
