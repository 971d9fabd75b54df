import Glibc

/// What this process has used of the machine's processors.
enum ProcessorTime {
    /// User and system time of all threads since the process began.
    static var seconds: Double {
        var usage = rusage()
        let status = getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        precondition(status == 0, "getrusage of oneself failed: \(errno)")
        return [usage.ru_utime, usage.ru_stime].reduce(0) { $0 + Double($1.tv_sec) + Double($1.tv_usec) / 1e6 }
    }
}
