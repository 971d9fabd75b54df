internal import Foundation

/// What a `repo.json` says that is not byte for byte that of version 1.
struct RepositoryMarker {
    let format: String
    let version: Int
    let hash: String

    /// - Returns: `nil` unless the bytes are a marker of some other format, version or hash.
    init?(_ bytes: [UInt8]) {
        // Anything that does not parse is no marker; the caller reports that.
        guard let content = try? JSONDecoder().decode(Content.self, from: Data(bytes)) else { return nil }
        self.format = Self.printable(content.format)
        self.version = content.version
        self.hash = Self.printable(content.hash ?? "sha256")
        let isOurs = content.format == DirectoryRepository.format && content.version == DirectoryRepository.version
        guard !isOurs || self.hash != "sha256" else { return nil }
    }

    private struct Content: Decodable {
        let format: String
        let version: Int
        let hash: String?
    }

    /// It goes into an error message and onto a terminal.
    private static func printable(_ text: String) -> String {
        String(text.prefix(64).filter { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") })
    }
}
