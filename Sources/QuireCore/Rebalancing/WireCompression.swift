/// Decides whether the blocks of a pull are compressed on the wire.
///
/// The puller looks at windows of 8 MiB. Compression is asked for when the link is what everything waits for: the puller
/// has waited for the socket at least three times as long as it has worked (checked, written), and less came in than one
/// core compresses (150 MB/s). It is ended when it does not pay, that is when a window shrinks by less than a tenth, or
/// when the puller works longer than it waits; then it is not tried again for 32 windows.
///
/// A source that has no time for it (its clients come first) sends uncompressed blocks all the same.
package struct WireCompression: Sendable {
    package static let windowBytes = 8 << 20
    private static let bytesPerSecondMax = 150e6
    private static let restWindows = 32

    package private(set) var isWanted = false
    private var bytes = 0
    private var wireBytes = 0
    private var waited = Duration.zero
    private var worked = Duration.zero
    private var rest = 0

    package init() {}

    /// A part of the image has been pulled.
    ///
    /// - Returns: Whether the wish has changed.
    package mutating func pulled(bytes: Int, wireBytes: Int, waited: Duration, worked: Duration) -> Bool {
        self.bytes += bytes
        self.wireBytes += wireBytes
        self.waited += waited
        self.worked += worked
        guard self.bytes >= Self.windowBytes else { return false }
        let before = self.isWanted
        self.isWanted = self.judged()
        (self.bytes, self.wireBytes, self.waited, self.worked) = (0, 0, .zero, .zero)
        return self.isWanted != before
    }

    private mutating func judged() -> Bool {
        if self.isWanted {
            let pays = self.wireBytes * 10 <= self.bytes * 9
            if pays && self.waited >= self.worked { return true }
            self.rest = Self.restWindows
            return false
        }
        self.rest = max(0, self.rest - 1)
        let seconds = (self.waited + self.worked) / .seconds(1)
        let isSlow = Double(self.bytes) < seconds * Self.bytesPerSecondMax
        return self.rest == 0 && isSlow && self.waited >= self.worked * 3
    }
}
