import Foundation
import QuireCore

/// Takes back what a killed process did and had not synced.
///
/// What a disk may have kept of it is any part: so each sector of each write goes or stays, and of the names in a
/// directory the last ones go. `strict` takes everything back. A rename is one change of the new name's directory.
struct PowerLoss {
    private static let sectorBytes: UInt64 = 512

    let journalDirectory: String
    let isStrict: Bool
    var random: SeededGenerator

    /// What is not on the disk, and what of it is covered by something later that is.
    struct Unsynced {
        let entry: LossyJournal.Entry
        var later: [Range<UInt64>]
    }

    /// - Returns: How many changes were taken back, at least in part.
    mutating func strike() throws -> Int {
        let journal = try LossyJournal(path: self.journalDirectory + "/journal")
        var undone = 0
        var keptNames: [String: Bool] = [:]
        for change in Self.unsynced(journal.entries).reversed() {
            switch change.entry.kind {
            case .write, .truncate:
                undone += try self.takeBackContent(change) ? 1 : 0
            case .create, .rename, .remove:
                let directory = Self.directory(of: change.entry)
                // Of a directory's changes a beginning has reached the disk.
                let isKept = !self.isStrict && (keptNames[directory] ?? false || Bool.random(using: &self.random))
                keptNames[directory] = isKept
                if !isKept {
                    try self.takeBackName(change.entry)
                    undone += 1
                }
            case .sync, .syncDirectory, .syncFailed: break
            }
        }
        try self.clear()
        return undone
    }

    static func unsynced(_ entries: [LossyJournal.Entry]) -> [Unsynced] {
        var synced: Set<Int> = []
        var pendingContent: [UInt64: [Int]] = [:]
        var pendingNames: [String: [Int]] = [:]
        for (index, entry) in entries.enumerated() {
            switch entry.kind {
            case .write, .truncate: pendingContent[entry.inode, default: []].append(index)
            case .create, .rename, .remove: pendingNames[self.directory(of: entry), default: []].append(index)
            case .sync: synced.formUnion(pendingContent.removeValue(forKey: entry.inode) ?? [])
            case .syncDirectory: synced.formUnion(pendingNames.removeValue(forKey: entry.path) ?? [])
            // Clean from now on, and not on the disk.
            case .syncFailed: pendingContent[entry.inode] = nil
            }
        }
        var result: [Unsynced] = []
        var later: [UInt64: [Range<UInt64>]] = [:]
        for (index, entry) in entries.enumerated().reversed() where entry.kind.isChange {
            if !synced.contains(index) {
                result.append(Unsynced(entry: entry, later: later[entry.inode] ?? []))
            } else if entry.kind == .write {
                later[entry.inode, default: []].append(entry.offset..<entry.offset + entry.bytes)
            }
        }
        return result.reversed()
    }

    private static func directory(of entry: LossyJournal.Entry) -> String {
        let path = entry.kind == .rename ? entry.second : entry.path
        return path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
    }

    // MARK: Content

    private mutating func takeBackContent(_ change: Unsynced) throws -> Bool {
        let entry = change.entry
        let path = "\(self.journalDirectory)/\(entry.inode)"
        let descriptor = open(path, O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { throw CrashError("\(path) is not there: errno \(errno)") }
        defer { close(descriptor) }
        if entry.kind == .truncate {
            guard change.later.isEmpty, self.isLost() else { return false }
            try self.put(entry.before, at: entry.offset, to: descriptor)
            try self.resize(descriptor, to: entry.size)
            return true
        }
        var isTouched = false
        var offset = entry.offset
        let end = entry.offset + entry.bytes
        while offset < end {
            let next = min(end, (offset / Self.sectorBytes + 1) * Self.sectorBytes)
            let sector = offset..<next
            offset = next
            guard !change.later.contains(where: { $0.overlaps(sector) }), self.isLost() else { continue }
            try self.put(self.former(sector, of: entry), at: sector.lowerBound, to: descriptor)
            isTouched = true
        }
        if entry.size < end, change.later.isEmpty, self.isLost() {
            try self.resize(descriptor, to: entry.size)
            isTouched = true
        }
        return isTouched
    }

    private mutating func isLost() -> Bool {
        self.isStrict || Bool.random(using: &self.random)
    }

    /// What was in a range before the write: zeros where the file ended.
    private func former(_ range: Range<UInt64>, of entry: LossyJournal.Entry) -> Data {
        let start = Int(range.lowerBound - entry.offset)
        let end = Int(range.upperBound - entry.offset)
        let known = entry.before.dropFirst(start).prefix(end - start)
        return Data(known) + Data(count: end - start - known.count)
    }

    private func put(_ data: Data, at offset: UInt64, to descriptor: Int32) throws {
        guard !data.isEmpty else { return }
        let count = data.withUnsafeBytes { pwrite(descriptor, $0.baseAddress, $0.count, off_t(offset)) }
        guard count == data.count else { throw CrashError("a write cannot be taken back: errno \(errno)") }
    }

    private func resize(_ descriptor: Int32, to size: UInt64) throws {
        guard ftruncate(descriptor, off_t(size)) == 0 else {
            throw CrashError("a size cannot be taken back: errno \(errno)")
        }
    }

    // MARK: Names

    private func takeBackName(_ entry: LossyJournal.Entry) throws {
        switch entry.kind {
        case .create:
            if Self.inode(of: entry.path) == entry.inode { unlink(entry.path) }
        case .remove:
            try self.giveName(entry.path, to: entry.inode)
        case .rename:
            guard Self.inode(of: entry.second) == entry.inode else { return }
            guard rename(entry.second, entry.path) == 0 else {
                throw CrashError("\(entry.second) cannot be renamed back: errno \(errno)")
            }
            if entry.size != 0 { try self.giveName(entry.second, to: entry.size) }
        default: break
        }
    }

    private func giveName(_ path: String, to inode: UInt64) throws {
        unlink(path)
        guard link("\(self.journalDirectory)/\(inode)", path) == 0 else {
            throw CrashError("\(path) cannot be brought back: errno \(errno)")
        }
    }

    private static func inode(of path: String) -> UInt64? {
        var status = stat()
        return lstat(path, &status) == 0 ? UInt64(status.st_ino) : nil
    }

    private func clear() throws {
        for name in try FileManager.default.contentsOfDirectory(atPath: self.journalDirectory) {
            unlink("\(self.journalDirectory)/\(name)")
        }
    }
}
