import QuireCore

/// Reads what replicas compare.
extension PartitionFile {
    /// The digests of all records in a range of hashes, ascending. Records are not decoded.
    func digests(within range: ClosedRange<KeyHash>, _ digester: RecordDigester) throws -> [HashDigest] {
        let statement = try self.statement(
            "SELECT hash, key, record FROM entries WHERE hash BETWEEN ?1 AND ?2 ORDER BY hash"
        )
        statement.bind(PartitionSchema.column(range.lowerBound), at: 1)
        statement.bind(PartitionSchema.column(range.upperBound), at: 2)
        var digests: [HashDigest] = []
        while try statement.step() {
            let hash = PartitionSchema.hash(statement.integer(0))
            guard let key = Key(statement.bytes(1)), key.hash == hash else {
                throw StorageError(.corruptFile, "a row's key and hash do not fit", path: self.path)
            }
            let digest = digester.digest(key: key, encodedRecord: statement.bytes(2))
            digests.append(HashDigest(hash: hash, digest: digest))
        }
        return digests.sorted()
    }

    /// The records of some hashes, in scan order; never cut between records of one hash.
    func records(
        of hashes: [KeyHash],
        limit: PageLimit
    ) throws -> (records: [KeyedRecord], isLast: Bool) {
        var records: [KeyedRecord] = []
        var bytes = 0
        for hash in hashes {
            guard records.isEmpty || records.count < limit.records && bytes < limit.bytes else {
                return (records, false)
            }
            for row in try self.rows(of: hash) {
                records.append(KeyedRecord(key: row.key, record: row.record))
                bytes += row.key.bytes.count + row.encoded.count
            }
        }
        return (records, true)
    }
}
