/// The files of a snapshot beside its objects, as they follow from its manifest.
struct SnapshotFiles {
    let manifest: Manifest
    /// The bytes of `manifest.json`.
    let rendered: [UInt8]

    /// `SHA256SUMS` in a repository: `sha256sum -c` form, paths relative to the repository.
    var repositoryChecksums: [UInt8] {
        let directory = "snapshots/\(self.manifest.snapshot.text)/"
        return self.checksums([
            ("\(directory)layout.json", self.manifest.layout.hash),
            ("\(directory)manifest.json", ContentHash(of: self.rendered)),
        ])
    }

    /// `SHA256SUMS` in an export, whose members lie flat: paths relative to where it is unpacked.
    func exportChecksums(readme: ContentHash) -> [UInt8] {
        self.checksums([
            ("README.txt", readme),
            ("layout.json", self.manifest.layout.hash),
            ("manifest.json", ContentHash(of: self.rendered)),
        ])
    }

    private func checksums(_ files: [(path: String, hash: ContentHash)]) -> [UInt8] {
        let objects = self.manifest.objects.map { (path: $0.relativePath, hash: $0.storedHash) }
        let lines = (files + objects).map { "\($0.hash)  \($0.path)\n" }
        return Array(lines.joined().utf8)
    }
}
