import ArgumentParser
import Foundation

/// What a command prints.
enum OutputFormat: String, ExpressibleByArgument, CaseIterable, Sendable {
    case text
    case json
    case ndjson
}

struct OutputOptions: ParsableArguments {
    @Option(name: .long, help: "How results and errors are printed.")
    var output: OutputFormat = .text

    @Option(
        name: .long,
        help: "Progress on standard error: auto shows it with text output only, as a bar where it is a terminal."
    )
    var progress: ProgressMode = .auto
}

/// When progress is shown.
enum ProgressMode: String, ExpressibleByArgument, CaseIterable, Sendable {
    case auto
    case always
    case never
}

/// A command that can print for programs, its errors included.
protocol ReportingCommand {
    var format: OutputFormat { get }
}

/// Results on standard output.
enum Report {
    /// Prints the value as JSON, or the text, whichever was asked for.
    static func result(_ value: some Encodable, as format: OutputFormat, text: () -> String) throws {
        switch format {
        case .text: Console.out(text())
        case .json, .ndjson: Console.out(try Self.encoded(value, pretty: format == .json))
        }
    }

    /// The same for a list: NDJSON has one line per element.
    static func list(_ values: [some Encodable], as format: OutputFormat, text: () -> String) throws {
        guard format == .ndjson else { return try Self.result(values, as: format, text: text) }
        for value in values { Console.out(try Self.encoded(value, pretty: false)) }
    }

    static func failure(_ failure: CommandFailure, as format: OutputFormat) {
        let error = ["error": ["code": failure.code, "message": failure.message]]
        switch format {
        case .text: Console.err("quire: \(failure.message)")
        case .json, .ndjson:
            // Two short strings always encode; were it otherwise, the plain text is still said.
            let text = (try? Self.encoded(error, pretty: format == .json)) ?? failure.message
            Console.err(text)
        }
    }

    static func encoded(_ value: some Encodable, pretty: Bool) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        if pretty { encoder.outputFormatting.insert(.prettyPrinted) }
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }
}
