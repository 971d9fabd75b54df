import QuireCore

/// How far the frames of an SQLite WAL are valid, and whether what follows is a torn tail or damage.
///
/// SQLite reads a WAL up to its last commit before the first frame whose checksum is wrong, and says nothing of what
/// follows. All commits of partition files are synced before the next one begins (`PartitionFile`). So if a frame of
/// this life of the WAL follows a commit that follows the invalid frame, then the invalid one had been synced.
///
/// ```
/// header, 32 bytes, integers big-endian
///   0  magic 377f0682 or 377f0683: words of checksums are little-endian or big-endian
///   8  page size                16  salt, 8 bytes        24  checksum of bytes 0..<24, 8 bytes
/// frame, 24 bytes and a page
///   4  pages of the database after a commit, else 0       8  salt        16  checksum, continuing the one before
/// ```
package enum WriteAheadLog {
    package enum State: Hashable {
        case empty
        /// - Parameters:
        ///   - commits: That count.
        ///   - tailBytes: After the last commit, of this life of the WAL; SQLite leaves them out.
        case valid(commits: Int, tailBytes: Int)
        /// A commit that had been synced cannot be read; it begins at or before this offset.
        case damaged(offset: Int)
    }

    private static let headerBytes = 32
    private static let frameHeaderBytes = 24

    /// - Parameter path: Of the WAL itself; one that is missing is empty.
    package static func state(of path: String) throws(StorageError) -> State {
        guard FileSystem.exists(path) else { return .empty }
        let bytes = try FileSystem.read(path)
        guard bytes.count > self.headerBytes else { return .empty }
        let magic = bytes.bigEndian(UInt32.self, at: 0)
        let pageBytes = Int(bytes.bigEndian(UInt32.self, at: 8))
        guard magic & ~1 == 0x377F_0682, pageBytes.nonzeroBitCount == 1, (512...65_536).contains(pageBytes) else {
            return .damaged(offset: 0)
        }
        let isBigEndian = magic & 1 == 1
        var sum = Checksum(isBigEndian: isBigEndian)
        sum.add(bytes, 0..<24)
        guard sum.matches(bytes, at: 24) else { return .damaged(offset: 0) }
        return self.frames(of: bytes, pageBytes: pageBytes, sum)
    }

    private static func frames(of bytes: [UInt8], pageBytes: Int, _ headerSum: Checksum) -> State {
        let frameBytes = self.frameHeaderBytes + pageBytes
        let salt = bytes[16..<24]
        var sum = headerSum
        var (commits, lastCommitEnd, tailEnd) = (0, self.headerBytes, self.headerBytes)
        var firstInvalid: Int?
        var hasCommitAfterInvalid = false
        for start in stride(from: self.headerBytes, through: bytes.count - frameBytes, by: frameBytes) {
            guard bytes[start + 8..<start + 16] == salt else {
                // Of an earlier life, or a salt that was hit.
                if firstInvalid == nil { firstInvalid = start }
                continue
            }
            if hasCommitAfterInvalid, let firstInvalid { return .damaged(offset: firstInvalid) }
            let isCommit = bytes.bigEndian(UInt32.self, at: start + 4) != 0
            if firstInvalid == nil {
                sum.add(bytes, start..<start + 8)
                sum.add(bytes, start + self.frameHeaderBytes..<start + frameBytes)
                if !sum.matches(bytes, at: start + 16) { firstInvalid = start }
            }
            tailEnd = start + frameBytes
            if firstInvalid != nil {
                hasCommitAfterInvalid = hasCommitAfterInvalid || isCommit
            } else if isCommit {
                commits += 1
                lastCommitEnd = tailEnd
            }
        }
        return .valid(commits: commits, tailBytes: tailEnd - lastCommitEnd)
    }

    private struct Checksum {
        let isBigEndian: Bool
        private var first: UInt32 = 0
        private var second: UInt32 = 0

        init(isBigEndian: Bool) {
            self.isBigEndian = isBigEndian
        }

        /// - Parameter range: Of a multiple of 8 bytes.
        mutating func add(_ bytes: [UInt8], _ range: Range<Int>) {
            var (first, second) = (self.first, self.second)
            bytes.withUnsafeBytes { buffer in
                for offset in stride(from: range.lowerBound, to: range.upperBound, by: 8) {
                    let words = (
                        buffer.loadUnaligned(fromByteOffset: offset, as: UInt32.self),
                        buffer.loadUnaligned(fromByteOffset: offset + 4, as: UInt32.self)
                    )
                    let (low, high) =
                        self.isBigEndian
                        ? (words.0.bigEndian, words.1.bigEndian)
                        : (words.0.littleEndian, words.1.littleEndian)
                    first = first &+ low &+ second
                    second = second &+ high &+ first
                }
            }
            (self.first, self.second) = (first, second)
        }

        /// Checksums are stored big-endian whatever their words are.
        func matches(_ bytes: [UInt8], at offset: Int) -> Bool {
            bytes.bigEndian(UInt32.self, at: offset) == self.first
                && bytes.bigEndian(UInt32.self, at: offset + 4) == self.second
        }
    }
}
