/// The text for the one who finds an archive and has no Quire.
enum RepositoryReadme {
    static let text = """
        This directory holds snapshots of a Quire key-value cluster.

          repo.json                          format of this directory
          snapshots/<UTC time>-<id>/
              manifest.json                  what the snapshot promises, and its objects, one line per partition
              SHA256SUMS                     hashes of all its files, relative to this directory
              layout.json                    members and partition table of the cluster at that time
          objects/ab/ab12....db.zst          image of one partition, a SQLite file compressed with zstd;
                                             its name is the SHA-256 of the uncompressed file
          intents/, tmp/                     running backups

        A directory in snapshots/ without a manifest.json is a backup that was not finished: ignore it.

        List the snapshots, and see what one of them promises:

          ls snapshots
          jq '.snapshot, .beganAt, .promise, .totals' snapshots/*/manifest.json

        Check the files of a snapshot, and its manifest by itself:

          sha256sum -c snapshots/SNAPSHOT/SHA256SUMS
          grep -v '^  "digest": ' snapshots/SNAPSHOT/manifest.json | sha256sum    # equals .digest

        Find the object of partition 42, unpack and open it:

          jq -r '.partitions[42].object.imageHash' snapshots/SNAPSHOT/manifest.json
          zstd -d objects/ab/ab12....db.zst -o p42.db
          sha256sum p42.db                                                        # equals its name
          sqlite3 p42.db 'PRAGMA integrity_check; SELECT count(*) FROM entries;'

        The partition of a key: CRC16-XMODEM of the key (of the part in {braces} if there is one) modulo 16384,
        divided by (16384 / partitionCount).

        Each row of `entries` is a key and its record, big-endian: format (1 byte, 1), v (2), s (2), v times
        [actor (8), counter (8)], s times [actor (8), counter (8), timestamp (8), request (16), flags (1: bit 0
        deleted, bit 1 expires), expiry in ms (8), n (4), value (n)]. The value with the greatest (timestamp,
        actor, counter) is what a plain GET shows. The script restore-by-hand in Quire's sources (folder Archives)
        prints keys and values with zstd, sqlite3 and jq alone; FORMAT.md beside it is the full specification.

        """
}
