import Glibc

/// The standard streams of the process: results go to standard output, everything else to standard error.
///
/// Written with `write(2)`: unbuffered, so that the order of lines survives a kill.
enum Console {
    static let outputDescriptor: Int32 = 1
    static let errorDescriptor: Int32 = 2

    static func out(_ line: String) {
        Self.write(Array((line + "\n").utf8), to: Self.outputDescriptor)
    }

    static func err(_ line: String) {
        Self.write(Array((line + "\n").utf8), to: Self.errorDescriptor)
    }

    /// Writes all bytes. A reader that went away (`quire … | head`) ends the process in silence.
    static func write(_ bytes: [UInt8], to descriptor: Int32) {
        var remaining = bytes[...]
        while !remaining.isEmpty {
            let written = remaining.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if written > 0 {
                remaining = remaining.dropFirst(written)
            } else if errno != EINTR && errno != EAGAIN {
                if descriptor == Self.outputDescriptor { exit(ExitStatus.failed.rawValue) }
                return
            }
        }
    }

    static var isErrorTerminal: Bool {
        guard isatty(Self.errorDescriptor) == 1 else { return false }
        return getenv("TERM").map { String(cString: $0) } != "dumb"
    }

    /// Columns of the terminal behind standard error; 80 where there is none.
    static var width: Int {
        var size = winsize()
        guard ioctl(Self.errorDescriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }
}
