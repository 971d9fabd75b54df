/// Reads paragraphs of Debian control data (`apt-cache dumpavail`, `/var/lib/dpkg/status`).
///
/// Paragraphs are runs of lines that are not blank, separated by blank lines (empty, or only spaces and tabs).
/// A line is a field (`Name: text`), a continuation (begins with a space or a tab) or a comment (`#`).
///
/// - The key is the text of the `Package` field, whatever the case of its name.
/// - The value is every byte of the paragraph, the newline that ends its last line included, the blank line not.
/// - Several paragraphs with one `Package` (versions of a package) have one key: the last of them stays.
struct Deb822Reader {
    static let paragraphBytesMax = 64 << 20

    private(set) var lines: LineReader

    init(_ lines: LineReader) {
        self.lines = lines
    }

    /// - Returns: `nil` at the end of the input.
    mutating func next() throws -> DatasetItem? {
        var paragraph: Paragraph?
        while let line = try self.lines.next() {
            guard !line.isBlank || line.isTooLong else {
                if let paragraph { return paragraph.item }
                continue
            }
            if paragraph == nil { paragraph = Paragraph(line: line.number) }
            paragraph?.append(line)
        }
        return paragraph?.item
    }

    private struct Paragraph {
        let line: Int
        var bytes: [UInt8] = []
        var package: [UInt8]?
        /// The first thing that was wrong.
        var reason: String?

        init(line: Int) {
            self.line = line
        }

        var item: DatasetItem {
            if let reason = self.reason { return .malformed(line: self.line, reason: reason) }
            guard let package = self.package else {
                return .malformed(line: self.line, reason: "the paragraph has no Package field")
            }
            if let reason = DatasetKey.objection(to: package) { return .malformed(line: self.line, reason: reason) }
            return .entry(DatasetEntry(key: package, value: self.bytes, line: self.line))
        }

        mutating func append(_ line: LineReader.Line) {
            guard self.reason == nil else { return }
            self.reason = self.objection(to: line)
            guard self.reason == nil else {
                self.bytes = []
                return
            }
            self.bytes.append(contentsOf: line.bytes)
        }

        /// Takes note of the Package field on the way.
        private mutating func objection(to line: LineReader.Line) -> String? {
            guard !line.isTooLong, self.bytes.count + line.bytes.count <= Deb822Reader.paragraphBytesMax else {
                return "the paragraph is longer than \(Deb822Reader.paragraphBytesMax) bytes"
            }
            switch line.bytes[0] {
            case UInt8(ascii: "#"): return nil
            case UInt8(ascii: " "), UInt8(ascii: "\t"):
                return self.bytes.isEmpty ? "line \(line.number) continues a field that did not begin" : nil
            default: return self.objection(toField: line)
            }
        }

        private mutating func objection(toField line: LineReader.Line) -> String? {
            guard let colon = line.bytes.firstIndex(of: UInt8(ascii: ":")), colon > 0 else {
                return "line \(line.number) is neither a field nor its continuation"
            }
            let isPackage =
                colon == "package".utf8.count
                && String(decoding: line.bytes[..<colon], as: UTF8.self).lowercased() == "package"
            guard isPackage else { return nil }
            guard self.package == nil else { return "line \(line.number) is a second Package field" }
            self.package = Array(line.bytes[(colon + 1)...].trimmingBlanks())
            return nil
        }
    }
}

extension ArraySlice<UInt8> {
    /// Without spaces, tabs and line ends at both ends.
    func trimmingBlanks() -> ArraySlice<UInt8> {
        let blanks: Set<UInt8> = [0x20, 0x09, 0x0A, 0x0D]
        guard let first = self.firstIndex(where: { !blanks.contains($0) }),
            let last = self.lastIndex(where: { !blanks.contains($0) })
        else { return [] }
        return self[first...last]
    }
}
