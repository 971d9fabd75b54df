import Testing

@testable import quire

@Suite struct ProgressLineTests {
    private let half = ProgressLine(done: 50, total: 100, unit: .items("partitions"), detail: "2 wait")

    @Test func saysFractionRateAndRemainingTime() {
        #expect(
            self.half.text(label: "moving", elapsedSeconds: 10)
                == "moving  50 %  50/100 partitions  5/s  ETA 10s  2 wait"
        )
    }

    @Test func saysOnlyWhatIsDoneWhileTheEndIsUnknown() {
        let line = ProgressLine(done: 2_000_000, total: nil, unit: .bytes)
        #expect(line.text(label: "load", elapsedSeconds: 2) == "load  1.9 MiB  1.0 MB/s")
        #expect(line.remainingSeconds(elapsedSeconds: 2) == nil)
    }

    @Test func isDoneWhenThereIsNothingToDo() {
        #expect(ProgressLine(done: 0, total: 0, unit: .bytes).fraction == 1)
    }

    @Test func neverSaysMoreThanAll() {
        #expect(ProgressLine(done: 120, total: 100, unit: .bytes).fraction == 1)
    }

    @Test(arguments: [20, 40, 60, 80, 100, 200])
    func staysWithinTheTerminal(width: Int) {
        for done in [0, 1, 50, 99, 100] {
            let line = ProgressLine(done: done, total: 100, unit: .items("partitions"), detail: "2 wait")
            #expect(line.bar(label: "moving", elapsedSeconds: 10, width: width).count < width)
        }
    }

    @Test func fillsTheBarInProportion() {
        let text = self.half.bar(label: "moving", elapsedSeconds: 10, width: 200)
        #expect(text.hasPrefix("moving  [===============>              ]  50 %"))
    }
}
