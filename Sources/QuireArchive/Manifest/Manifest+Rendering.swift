internal import Foundation
internal import QuireCore

/// The bytes of `manifest.json`.
///
/// UTF-8 JSON, each top-level member on a line of its own and each partition on a line of its own, in this order:
///
/// ```
/// {
///   "format": "quire-snapshot",
///   "version": 1,
///   "minimumReader": 1,
///   "digest": "<64 hexadecimal digits>",
///   "snapshot": …, "parent": …, "clusterID": …, "quireVersion": …, "beganAt": …, "endedAt": …,
///   "promise": …, "partitionCount": …, "quorums": …, "layout": …, "members": …, "annotations": …, "totals": …,
///   "partitions": [
///     {"consulted":…,"isReused":…,"missing":…,"object":…,"partition":0},
///     …
///   ]
/// }
/// ```
///
/// `digest` is the SHA-256 of all other bytes of the file, that is of the file without the line that begins with
/// `  "digest": `. So one changed byte anywhere is found, and `grep -v '^  "digest": ' manifest.json | sha256sum`
/// is a reader's whole check. Members that a reader does not know are ignored; they are covered by the digest too.
extension Manifest {
    package static let bytesMax = 64 << 20

    private static let digestLineStart = Array("  \"digest\": \"".utf8)
    private static let digestLineEnd = Array("\",\n".utf8)

    /// - Throws: `ArchiveError` with `.invalidContent` when the manifest breaks an invariant.
    package func rendered() throws -> [UInt8] {
        try self.validate()
        var lines = [
            try Self.line("format", Self.format),
            try Self.line("version", Self.version),
            try Self.line("minimumReader", Self.version),
            try Self.line("snapshot", self.snapshot),
            try Self.line("parent", self.parent),
            try Self.line("clusterID", self.clusterID),
            try Self.line("quireVersion", self.quireVersion),
            try Self.line("beganAt", self.beganAt),
            try Self.line("endedAt", self.endedAt),
            try Self.line("promise", self.promise),
            try Self.line("partitionCount", self.partitionCount),
            try Self.line("quorums", self.quorums),
            try Self.line("layout", self.layout),
            try Self.line("members", self.members),
            try Self.line("annotations", self.annotations),
            try Self.line("totals", self.totals),
        ]
        let head = "{\n" + lines[..<3].joined()
        lines.removeFirst(3)
        let partitions = try self.partitions.map { "    " + (try Self.json($0)) }
        let tail = lines.joined() + "  \"partitions\": [\n" + partitions.joined(separator: ",\n") + "\n  ]\n}\n"
        let digest = ContentHash(of: Array((head + tail).utf8))
        let digestLine = Self.digestLineStart + Array(digest.text.utf8) + Self.digestLineEnd
        return Array(head.utf8) + digestLine + Array(tail.utf8)
    }

    /// Reads, verifies and validates the bytes of a manifest.
    ///
    /// - Parameter path: Only for the error.
    package init(rendered bytes: [UInt8], path: String) throws {
        try Self.verifyDigest(bytes, path)
        let document: Document
        do {
            let gate = try JSONDecoder().decode(FormatGate.self, from: Data(bytes))
            guard gate.format == Self.format, gate.minimumReader <= Self.version else {
                throw Self.unsupported(gate, path)
            }
            document = try JSONDecoder().decode(Document.self, from: Data(bytes))
        } catch let error as DecodingError {
            throw ArchiveError(.damagedManifest, "this is not a manifest: \(Self.reason(error))", path: path)
        }
        self = document.manifest
        do {
            try self.validate()
        } catch let error as ArchiveError {
            throw ArchiveError(.damagedManifest, error.message, path: path)
        }
        guard document.totals == self.totals else {
            throw ArchiveError(.damagedManifest, "the totals are not the sums over the partitions", path: path)
        }
    }

    /// The hash that `digest` must state.
    private static func verifyDigest(_ bytes: [UInt8], _ path: String) throws {
        let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        let found = lines.filter { $0.starts(with: Self.digestLineStart) }
        let lineBytes = Self.digestLineStart.count + 64 + Self.digestLineEnd.count - 1
        guard let line = found.first, found.count == 1, line.count == lineBytes,
            line.suffix(2).elementsEqual("\",".utf8),
            let stated = ContentHash(
                String(decoding: line.dropFirst(Self.digestLineStart.count).prefix(64), as: UTF8.self)
            )
        else {
            throw ArchiveError(.damagedManifest, "the manifest has no line with its digest; it is damaged", path: path)
        }
        let actual = ContentHash(of: bytes[..<line.startIndex] + bytes[min(line.endIndex + 1, bytes.count)...])
        guard stated == actual else {
            throw ArchiveError(
                .damagedManifest,
                "the manifest is damaged: it states the digest \(stated) and has \(actual); take it from a copy",
                path: path
            )
        }
    }

    private static func line(_ name: String, _ value: some Encodable) throws -> String {
        "  \"\(name)\": \(try Self.json(value)),\n"
    }

    private static func json(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }

    private static func unsupported(_ gate: FormatGate, _ path: String) -> ArchiveError {
        ArchiveError(
            .unsupportedFormat,
            "found format \(gate.format) for readers of version \(gate.minimumReader) or later, "
                + "need \(Self.format) for version \(Self.version) or earlier; use a newer quire",
            path: path
        )
    }

    private static func reason(_ error: DecodingError) -> String {
        switch error {
        case .typeMismatch(_, let context), .valueNotFound(_, let context), .keyNotFound(_, let context),
            .dataCorrupted(let context):
            let place = context.codingPath.map(\.stringValue).joined(separator: ".")
            return place.isEmpty ? context.debugDescription : "\(place): \(context.debugDescription)"
        @unknown default:
            return "\(error)"
        }
    }
}

/// Says whether the rest may be read.
private struct FormatGate: Decodable {
    let format: String
    let minimumReader: Int
}

/// The members of the JSON object as they are read.
private struct Document: Decodable {
    let snapshot: SnapshotID
    let parent: SnapshotID?
    let clusterID: String
    let quireVersion: String
    let beganAt: UTCTime
    let endedAt: UTCTime
    let promise: Manifest.Promise
    let partitionCount: PartitionCount
    let quorums: QuorumSettings
    let layout: Manifest.LayoutReference
    let members: [Member]
    let annotations: [String: String]
    let totals: Manifest.Totals
    let partitions: [Manifest.Partition]

    var manifest: Manifest {
        var manifest = Manifest(
            snapshot: self.snapshot,
            parent: self.parent,
            clusterID: self.clusterID,
            quireVersion: self.quireVersion,
            beganAt: self.beganAt,
            endedAt: self.endedAt,
            promise: self.promise,
            partitionCount: self.partitionCount,
            quorums: self.quorums,
            layout: self.layout,
            members: [],
            partitions: [],
            annotations: self.annotations
        )
        // As they are in the file: `validate()` judges their order.
        manifest.members = self.members
        manifest.partitions = self.partitions
        return manifest
    }
}
