import Glibc
import QuireCore

/// Looks into the file of one replica or hint store, with its WAL.
///
/// Order, from cheap to dear: that it can be read; the WAL (`WriteAheadLog`); schema and identity; the structure by
/// SQLite's own check; the rows against counts and leaves; the index against the rows. The first thing that is wrong
/// ends it.
struct StoreExamination {
    enum Verdict {
        /// - Parameter isKeyProven: Whether there are rows, and leaves that fit them by the cluster's key.
        case sound(RecordTally, isKeyProven: Bool)
        /// Sound but for the leaves, which do not fit the rows by the key: the rows are damaged, or it is the wrong key.
        ///
        /// - Parameter index: What is wrong with the index, too.
        case strangeLeaves(RecordTally, index: String?)
        case damaged(String)
        /// The rows are sound, only the index is not.
        case damagedIndex(String, isKeyProven: Bool)
        /// It belongs to something else.
        case foreign(String)
        /// A later program has written it.
        case newer(String)
        /// It could not be opened or copied; nothing is known of it.
        case notChecked(String)

        var isKeyProven: Bool {
            switch self {
            case .sound(_, let isKeyProven), .damagedIndex(_, let isKeyProven): isKeyProven
            case .strangeLeaves, .damaged, .foreign, .newer, .notChecked: false
            }
        }
    }

    /// What the file must say it is; `nil` takes anything.
    let identity: PartitionIdentity?
    let digester: RecordDigester?
    let isQuick: Bool
    let scratch: ScratchSpace

    func verdict(on path: String) -> Verdict {
        do {
            _ = try FileSystem.read(path, bytesMax: 100)
        } catch {
            return self.isUnreadableDisk(error) ? .damaged(error.message) : .notChecked(error.message)
        }
        do {
            guard FileSystem.sizeBytes(path + "-wal") > 0 else {
                if let what = try self.truncation(of: path) { return .damaged(what) }
                return try self.verdict(onComplete: path)
            }
            if case .damaged(let offset) = try WriteAheadLog.state(of: path + "-wal") {
                return .damaged("its WAL is damaged at byte \(offset), before commits that had been synced")
            }
            return try self.scratch.withCompleteCopy(of: path) { try self.verdict(onComplete: $0) }
        } catch {
            return self.verdict(for: error)
        }
    }

    /// - Parameter path: Of a file without a WAL.
    private func verdict(onComplete path: String) throws -> Verdict {
        let found = try self.identity(of: path)
        if let expected = self.identity, found != expected {
            return .foreign("it is \(found), and should be \(expected)")
        }
        let reader = try PartitionImageReader(path: path, expecting: found)
        do {
            try reader.checkStructure()
        } catch {
            // A tree of which the table needs nothing may be the damaged one.
            guard !self.isQuick, let rows = try? reader.checkRows(digester: self.digester) else { throw error }
            return self.verdict(onDamagedIndex: Self.words(error), rows, reader)
        }
        guard !self.isQuick else { return .sound(reader.tally, isKeyProven: false) }
        let rows = try reader.checkRows(digester: self.digester)
        do {
            try reader.checkIndex(rows)
        } catch {
            return self.verdict(onDamagedIndex: Self.words(error), rows, reader)
        }
        guard rows.fitLeaves else { return .strangeLeaves(reader.tally, index: nil) }
        return .sound(reader.tally, isKeyProven: self.isProof(reader))
    }

    private func verdict(
        onDamagedIndex words: String,
        _ rows: PartitionImageReader.Rows,
        _ reader: PartitionImageReader
    ) -> Verdict {
        rows.fitLeaves
            ? .damagedIndex(words, isKeyProven: self.isProof(reader)) : .strangeLeaves(reader.tally, index: words)
    }

    /// Leaves of no rows fit every key.
    private func isProof(_ reader: PartitionImageReader) -> Bool {
        self.digester != nil && reader.tally.records > 0
    }

    private func identity(of path: String) throws -> PartitionIdentity {
        let database = try SQLiteDatabase(path: path, mode: .immutable)
        return try PartitionSchema.identity(of: database)
    }

    /// - Returns: What is the matter when the file is shorter than it says.
    private func truncation(of path: String) throws -> String? {
        let header = try FileSystem.read(path, bytesMax: 100)
        let bytes = FileSystem.sizeBytes(path)
        guard header.count == 100 else { return "it has \(bytes) bytes, which is not even the header of a database" }
        guard Array(header[..<15]) == Array("SQLite format 3".utf8) else { return "it is no SQLite database" }
        // The count of pages is valid only if the two change counters are equal.
        guard header.bigEndian(UInt32.self, at: 24) == header.bigEndian(UInt32.self, at: 92) else { return nil }
        let stated = Int(header.bigEndian(UInt32.self, at: 28)) * Int(header.bigEndian(UInt16.self, at: 16))
        return bytes < stated ? "it has \(bytes) bytes, and its header says \(stated)" : nil
    }

    private func verdict(for error: any Error) -> Verdict {
        let words = Self.words(error)
        if let error = error as? SQLiteError {
            return error.isCorruption || error.isInputOutput ? .damaged(words) : .notChecked(words)
        }
        guard let error = error as? StorageError else { return .notChecked(words) }
        switch error.code {
        case .corruptFile: return .damaged(words)
        case .foreignData: return .newer(words)
        case .inputOutput: return self.isUnreadableDisk(error) ? .damaged(words) : .notChecked(words)
        case .directoryInUse, .corruptLog, .sealExpired, .sealHeld, .quarantined, .stopping: return .notChecked(words)
        }
    }

    private func isUnreadableDisk(_ error: StorageError) -> Bool {
        error.cause == String(cString: strerror(EIO))
    }

    /// Without paths: the finding names the file by itself, and a copy has another name.
    static func words(_ error: any Error) -> String {
        var words = "\(error)"
        if let error = error as? StorageError {
            words = error.message.replacing("the image", with: "the file") + (error.cause.map { ": \($0)" } ?? "")
        }
        return words.replacing("*** in database main ***\n", with: "").replacing(#/\/\S*\.db: /#, with: "")
    }
}
