import QuireWire

/// Waits for long work that a node does, and shows how far it is.
struct TaskFollower {
    let api: NodeAPI
    let output: OutputOptions

    /// - Returns: The state at the end; a failed task is thrown.
    func follow(_ first: TaskAPI.Status) async throws -> TaskAPI.Status {
        let progress = ProgressReporter(label: first.kind, output: self.output)
        var status = first
        var silentSince: ContinuousClock.Instant?
        while status.state == .running {
            await progress.update(Self.line(of: status))
            if self.output.output == .ndjson { Console.out(try Report.encoded(status, pretty: false)) }
            try await Task.sleep(for: .milliseconds(300))
            do {
                status = try await self.api.get("/v1/tasks/\(NodeAPI.escaped(first.id))")
                silentSince = nil
            } catch let failure as CommandFailure where failure.code == "unreachable" {
                let since = silentSince ?? ContinuousClock.now
                silentSince = since
                if ContinuousClock.now - since > .seconds(15) { throw failure }
            }
        }
        await progress.finish(Self.line(of: status))
        for warning in status.warnings { Console.err("warning: \(warning)") }
        if status.state == .failed {
            let failure = status.failure
            throw CommandFailure(
                failure?.code ?? "task_failed",
                failure?.message ?? "the \(status.kind) failed at “\(status.step)”; the node's log says why"
            )
        }
        return status
    }

    static func seconds(of status: TaskAPI.Status) -> Double {
        Double((status.endedMilliseconds ?? status.startedMilliseconds) - status.startedMilliseconds) / 1000
    }

    private static func line(of status: TaskAPI.Status) -> ProgressLine {
        ProgressLine(
            done: status.unitsDone,
            total: status.unitsTotal > 0 ? status.unitsTotal : nil,
            unit: .items(status.unit),
            detail: status.step
        )
    }
}
