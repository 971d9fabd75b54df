/// Shows how far a long command has come, on standard error only.
///
/// On a terminal one line is redrawn at most five times a second; elsewhere a plain line is written when
/// something has changed and the interval has passed. Silent for machine-readable output.
actor ProgressReporter {
    enum Style: Equatable {
        case bar
        case lines
        case silent
    }

    private let label: String
    private let style: Style
    private let interval: Duration
    private let started = ContinuousClock.now
    private var lastShown: ContinuousClock.Instant?
    private var lastLine: ProgressLine?

    init(label: String, output: OutputOptions, interval: Duration = .seconds(5)) {
        self.label = label
        self.style = Self.style(output)
        self.interval = self.style == .bar ? .milliseconds(200) : interval
    }

    func update(_ line: ProgressLine) {
        guard self.style != .silent, line != self.lastLine else { return }
        let now = ContinuousClock.now
        if let lastShown = self.lastShown, now - lastShown < self.interval { return }
        self.lastShown = now
        self.lastLine = line
        self.show(line)
    }

    /// Says something beside the progress; on a terminal the redrawn line goes on below it.
    func note(_ lines: [String]) {
        guard self.style != .silent, !lines.isEmpty else { return }
        if self.style == .bar { Console.write(Array("\r\u{1B}[K".utf8), to: Console.errorDescriptor) }
        for line in lines { Console.err("  ! " + line) }
        if let last = self.lastLine, self.style == .bar { self.show(last) }
    }

    /// Shows the last state, whatever the interval says, and ends the redrawn line.
    func finish(_ line: ProgressLine? = nil) {
        switch self.style {
        case .silent: return
        case .lines:
            if let line, line != self.lastLine { self.show(line) }
        case .bar:
            if let line { self.show(line) }
            if line != nil || self.lastLine != nil { Console.write([0x0A], to: Console.errorDescriptor) }
        }
    }

    private static func style(_ output: OutputOptions) -> Style {
        let visible: Style = Console.isErrorTerminal ? .bar : .lines
        switch output.progress {
        case .always: return visible
        case .never: return .silent
        case .auto: return output.output == .text ? visible : .silent
        }
    }

    private func show(_ line: ProgressLine) {
        let elapsed = (ContinuousClock.now - self.started).seconds
        switch self.style {
        case .silent: return
        case .lines: Console.err(line.text(label: self.label, elapsedSeconds: elapsed))
        case .bar:
            let text = line.bar(label: self.label, elapsedSeconds: elapsed, width: Console.width)
            Console.write(Array("\r\(text)\u{1B}[K".utf8), to: Console.errorDescriptor)
        }
    }
}
