/// Why an archive could not be written, read or trusted.
///
/// Nothing is published when an error is thrown: a snapshot exists only once its manifest has been renamed
/// into place, and an object only under the name of its verified content.
package struct ArchiveError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: String, Hashable, Sendable {
        /// No repository at this path. Nothing was changed.
        case missingRepository
        /// Something else lives at this path. Nothing was changed.
        case notARepository
        /// Written in a format or version that this program does not read. Nothing was changed.
        case unsupportedFormat
        /// No snapshot matches, or several do. Nothing was changed.
        case unknownSnapshot
        /// `manifest.json`, `SHA256SUMS`, `layout.json` or an intent is not what was written. Do not retry.
        case damagedManifest
        /// An object or an image is not what was written, or is gone. Do not retry.
        case damagedObject
        /// A snapshot of this id is there already with other content. Nothing was changed.
        case snapshotExists
        /// The caller's manifest, image or argument breaks a rule of the format. Nothing was published.
        case invalidContent
        /// The tar holds what the format does not allow. Nothing was published.
        case malformedExport
        /// The scratch or repository file system is too full. May be retried once there is space.
        case noSpace
        /// The operating system refused. May be retried.
        case inputOutput
    }

    package let code: Code
    /// What was needed, what was found, and what to do about it.
    package let message: String
    /// The file that it is about.
    package let path: String?

    package init(_ code: Code, _ message: String, path: String? = nil) {
        self.code = code
        self.message = message
        self.path = path
    }

    package var description: String {
        guard let path = self.path else { return self.message }
        return "\(path): \(self.message)"
    }
}
