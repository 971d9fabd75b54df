import QuireArchive

/// `GET /v1/snapshots?repository=PATH`: what the repository holds, oldest first.
struct SnapshotListing: Encodable {
    struct Entry: Encodable {
        var snapshot: String
        /// `nil`: the manifest is damaged, and `damage` says how.
        var beganAt: String?
        var promise: String?
        var records: Int?
        var imageBytes: Int?
        var storedBytes: Int?
        var damage: String?
    }

    var repository: String
    var snapshots: [Entry]

    init(repository: String) throws {
        self.repository = repository
        self.snapshots = try DirectoryRepository.open(at: repository).list().map { listed in
            switch listed.manifest {
            case .success(let manifest):
                return Entry(
                    snapshot: listed.snapshot.text,
                    beganAt: manifest.beganAt.description,
                    promise: manifest.promise.level.rawValue,
                    records: manifest.totals.records,
                    imageBytes: manifest.totals.imageBytes,
                    storedBytes: manifest.totals.storedBytes
                )
            case .failure(let error):
                return Entry(snapshot: listed.snapshot.text, damage: error.description)
            }
        }
    }
}
