/// How far a pass over all objects of a snapshot has come.
package struct VerificationProgress: Hashable, Sendable {
    package let verifiedObjects: Int
    package let totalObjects: Int
    package let verifiedImageBytes: Int
    package let totalImageBytes: Int
}

/// What a complete pass over a snapshot found.
package struct VerificationReport: Hashable, Sendable {
    package let snapshot: SnapshotID
    package let verifiedObjects: Int
    package let imageBytes: Int
    package let storedBytes: Int
    /// Every damaged file, named; empty when the snapshot is intact.
    package let findings: [ArchiveError]

    package var isIntact: Bool { self.findings.isEmpty }
}

extension DirectoryRepository {
    /// Checks every byte of a snapshot: manifest, checksums, layout, and of each object all four checks.
    ///
    /// - Parameter progress: Called after each object; what it throws ends the pass.
    /// - Throws: When the manifest cannot be trusted; everything else is a finding.
    package func verify(
        _ snapshot: SnapshotID,
        progress: (VerificationProgress) throws -> Void = { _ in }
    ) throws -> VerificationReport {
        try self.verify(try self.manifest(of: snapshot), in: self.scratch, progress: progress) { _, _ in }
    }

    /// - Parameters:
    ///   - directory: Where images are unpacked.
    ///   - use: Gets each verified image before it is let go of.
    func verify(
        _ manifest: Manifest,
        in directory: String,
        progress: (VerificationProgress) throws -> Void,
        use: (StoredObject, PendingFile) throws -> Void
    ) throws -> VerificationReport {
        var findings: [ArchiveError] = []
        func collect(_ check: () throws -> Void) throws {
            do {
                try check()
            } catch let error as ArchiveError where error.code != .noSpace {
                findings.append(error)
            }
        }
        try collect { _ = try self.layoutJSON(of: manifest) }
        try collect { try self.checkChecksums(of: manifest) }
        let totals = manifest.totals
        var verifiedBytes = 0
        for (index, object) in manifest.objects.enumerated() {
            try collect {
                try use(object, try self.verifiedImage(of: object, manifest: manifest, in: directory))
            }
            verifiedBytes += object.imageBytes
            try progress(
                VerificationProgress(
                    verifiedObjects: index + 1,
                    totalObjects: totals.objects,
                    verifiedImageBytes: verifiedBytes,
                    totalImageBytes: totals.imageBytes
                )
            )
        }
        return VerificationReport(
            snapshot: manifest.snapshot,
            verifiedObjects: totals.objects,
            imageBytes: totals.imageBytes,
            storedBytes: totals.storedBytes,
            findings: findings
        )
    }
}
