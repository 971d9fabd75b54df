import ArgumentParser
import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import QuireWire

/// Which node answers an operator's questions.
struct NodeOptions: ParsableArguments {
    @Option(name: .long, help: "HTTP address of any node (default: QUIRE_NODE, else http://127.0.0.1:7382).")
    var node: String?

    var api: NodeAPI {
        get throws {
            let text = self.node ?? ProcessInfo.processInfo.environment["QUIRE_NODE"] ?? "http://127.0.0.1:7382"
            return try NodeAPI(text)
        }
    }
}

/// The HTTP API of one node: sends a request, decodes the answer, and turns every failure into a sentence.
struct NodeAPI {
    private static let bodyBytesMax = 256 << 20

    let base: String

    /// - Parameter text: `http://HOST:PORT`, or `HOST:PORT`.
    init(_ text: String) throws {
        let base = text.contains("://") ? text : "http://" + text
        guard let url = URL(string: base), let host = url.host, !host.isEmpty else {
            throw CommandFailure("bad_address", "“\(text)” is not a node's address: write http://HOST:PORT")
        }
        self.base = base.hasSuffix("/") ? String(base.dropLast()) : base
    }

    func get<Answer: Decodable>(_ path: String, as type: Answer.Type = Answer.self) async throws -> Answer {
        try self.decoded(try await self.send("GET", path, body: nil), path: path)
    }

    func post<Answer: Decodable>(
        _ path: String,
        _ body: some Encodable,
        as type: Answer.Type = Answer.self,
        timeout: Duration = .seconds(60)
    ) async throws -> Answer {
        let bytes = Array(try Report.encoded(body, pretty: false).utf8)
        return try self.decoded(try await self.send("POST", path, body: bytes, timeout: timeout), path: path)
    }

    func delete<Answer: Decodable>(_ path: String, as type: Answer.Type = Answer.self) async throws -> Answer {
        try self.decoded(try await self.send("DELETE", path, body: nil), path: path)
    }

    /// The body as it came.
    func text(_ path: String) async throws -> String {
        String(decoding: try await self.send("GET", path, body: nil), as: UTF8.self)
    }

    /// For a query: everything but unreserved characters is escaped.
    static func escaped(_ text: String) -> String {
        let unreserved = CharacterSet(
            charactersIn: "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~"
        )
        return text.addingPercentEncoding(withAllowedCharacters: unreserved) ?? text
    }

    private func send(
        _ method: String,
        _ path: String,
        body: [UInt8]?,
        timeout: Duration = .seconds(30)
    ) async throws -> [UInt8] {
        var request = HTTPClientRequest(url: self.base + path)
        request.method = .init(rawValue: method)
        if let body {
            request.headers.add(name: "content-type", value: "application/json")
            request.body = .bytes(ByteBuffer(bytes: body))
        }
        let status: Int
        let answer: [UInt8]
        do {
            let response = try await HTTPClient.shared.execute(request, timeout: .init(timeout))
            status = Int(response.status.code)
            answer = Array(buffer: try await response.body.collect(upTo: Self.bodyBytesMax))
        } catch {
            throw CommandFailure(
                "unreachable",
                "no answer from \(self.base) (\(FailureReason.words(error))): is the node running? "
                    + "Name another with --node URL or QUIRE_NODE; `quire node start` starts one.",
                status: .unreachable
            )
        }
        guard status >= 400 else { return answer }
        if let failure = try? JSONDecoder().decode(ClusterAPI.Failure.self, from: Data(answer)) {
            throw CommandFailure(failure.code, failure.message, status: ExitStatus(ofAnswer: failure.code))
        }
        // Not a failure in our form: whatever answered is perhaps no node, so its words are shown as they are.
        let words = String(decoding: answer.prefix(300), as: UTF8.self)
        throw CommandFailure("http_\(status)", "\(self.base)\(path) answered with status \(status): \(words)")
    }

    private func decoded<Answer: Decodable>(_ bytes: [UInt8], path: String) throws -> Answer {
        do {
            return try JSONDecoder().decode(Answer.self, from: Data(bytes))
        } catch {
            throw CommandFailure(
                "bad_answer",
                "\(self.base)\(path) gave an answer that this version does not understand (\(error)): "
                    + "is it a quire node of the same version?"
            )
        }
    }
}
