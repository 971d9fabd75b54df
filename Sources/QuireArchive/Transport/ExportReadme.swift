/// The text for the one who finds an exported snapshot and has no Quire.
enum ExportReadme {
    static let text = """
        This tar holds one snapshot of a Quire key-value cluster.

          manifest.json             what the snapshot promises, and its objects, one line per partition
          SHA256SUMS                hashes of all members
          layout.json               members and partition table of the cluster at that time
          objects/ab/ab12....db.zst image of one partition, a SQLite file compressed with zstd;
                                    its name is the SHA-256 of the uncompressed file

        Unpack and check:

          tar -xf SNAPSHOT.tar && sha256sum -c SHA256SUMS
          grep -v '^  "digest": ' manifest.json | sha256sum       # equals .digest in manifest.json
          jq '.snapshot, .beganAt, .promise, .totals' manifest.json

        Open the image of partition 42:

          tar -xOf SNAPSHOT.tar "$(jq -r '.partitions[42].object.imageHash
              | "objects/\\(.[:2])/\\(.).db.zst"' manifest.json)" | zstd -d > p42.db
          sqlite3 p42.db 'PRAGMA integrity_check; SELECT count(*) FROM entries;'

        The partition of a key: CRC16-XMODEM of the key (of the part in {braces} if there is one) modulo 16384,
        divided by (16384 / partitionCount).

        Each row of `entries` is a key and its record, big-endian: format (1 byte, 1), v (2), s (2), v times
        [actor (8), counter (8)], s times [actor (8), counter (8), timestamp (8), request (16), flags (1: bit 0
        deleted, bit 1 expires), expiry in ms (8), n (4), value (n)]. The value with the greatest (timestamp,
        actor, counter) is what a plain GET shows. The script restore-by-hand in Quire's sources (folder Archives)
        prints keys and values from this tar; FORMAT.md beside it is the full specification.

        """
}
