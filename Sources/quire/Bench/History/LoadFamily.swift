/// How the keys of a mixed load are used: `RUN/FAMILY/…`.
enum LoadFamily: String, CaseIterable {
    /// SET, DEL and GET by one client only: `RUN/plain/CLIENT/INDEX`.
    case plain
    /// Put and deleted by all clients, with contexts and now and then without: `RUN/cart/INDEX`.
    case cart
    /// A set of unique elements, added by read-modify-write: `RUN/set/INDEX/GENERATION`.
    case set
    /// A counter, by read-modify-write: `RUN/counter/INDEX`.
    case counter

    /// - Returns: `nil` for a key of something else.
    init?(key: String) {
        let parts = key.split(separator: "/")
        guard parts.count >= 3 else { return nil }
        self.init(rawValue: String(parts[1]))
    }

    func key(run: String, _ parts: Int...) -> String {
        ([run, self.rawValue] + parts.map(String.init)).joined(separator: "/")
    }
}
