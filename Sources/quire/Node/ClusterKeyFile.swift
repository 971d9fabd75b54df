import Glibc

/// The secret that all nodes of a cluster share: 32 bytes as 64 hexadecimal digits in one line, readable by
/// its owner only.
enum ClusterKeyFile {
    static let keyBytes = 32

    static func draw() -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        return (0..<Self.keyBytes).map { _ in UInt8.random(in: 0...255, using: &generator) }
    }

    static func text(of key: [UInt8]) -> String {
        key.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// - Returns: `nil` unless the text is 64 hexadecimal digits, white space around them aside.
    static func key(in text: String) -> [UInt8]? {
        let digits = text.filter { !$0.isWhitespace }.map(\.hexDigitValue)
        guard digits.count == 2 * Self.keyBytes, !digits.contains(nil) else { return nil }
        let values = digits.compactMap { $0 }
        return stride(from: 0, to: values.count, by: 2).map { UInt8(values[$0] * 16 + values[$0 + 1]) }
    }

    /// Creates the file with mode 0600; one that exists is never overwritten, for nodes may depend on it.
    static func create(_ path: String, key: [UInt8]) throws {
        let descriptor = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            if errno == EEXIST {
                throw CommandFailure(
                    "exists",
                    "\(path) exists and is kept: a lost key locks nodes out; name another file"
                )
            }
            throw CommandFailure("unwritable", "cannot create \(path): \(String(cString: strerror(errno)))")
        }
        defer { close(descriptor) }
        let bytes = Array((Self.text(of: key) + "\n").utf8)
        guard write(descriptor, bytes, bytes.count) == bytes.count, fsync(descriptor) == 0 else {
            throw CommandFailure("unwritable", "cannot write \(path): \(String(cString: strerror(errno)))")
        }
    }

    static func read(_ path: String) throws -> [UInt8] {
        let source = try FileByteSource(path: path)
        let bytes = try source.read(maxBytes: 4096)
        guard let key = Self.key(in: String(decoding: bytes, as: UTF8.self)) else {
            throw CommandFailure(
                "bad_cluster_key",
                "\(path) holds no cluster key (64 hexadecimal digits): make one with `quire cluster key --out FILE` "
                    + "and give every node the same"
            )
        }
        return key
    }
}
