import ArgumentParser
import Foundation
import FoundationXML
import QuireSimulation
import Testing

@testable import quire

@Suite struct SimulateBalanceTests {
    private static let experiment = {
        var experiment = BalanceExperiment()
        experiment.trials = 8
        experiment.doublings = 1
        return experiment
    }()
    private static let report = Self.experiment.run()

    @Test(arguments: [["--nodes", "1"], ["--replicas", "8"], ["--trials", "0"], ["--popularity", "odd"]])
    func refusesWhatCannotBeMeasured(_ arguments: [String]) {
        #expect(throws: (any Error).self) { try SimulateBalance.parse(arguments) }
    }

    @Test func theTableSaysWhatWasFound() {
        let text = BalanceText(Self.report, of: Self.experiment).rendered()
        #expect(text.contains("The paper's order, 3 > 1 > 2, holds at 7 of 7 sizes"))
        #expect(text.contains("Strategy 3 reaches 0.99 with Q = 1024: 24.0 KiB per node."))
        #expect(text.contains("Strategy 1 does not even with 192 KiB."))
    }

    @Test func theSummaryForProgramsHasAllPoints() throws {
        let text = try Report.encoded(BalanceSummary(Self.report), pretty: false)
        let value = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        #expect(value["isReproduced"] as? Bool == true)
        #expect(value["partitionsAtGoal"] as? Int == 1024)
        #expect((value["points"] as? [Any])?.count == Self.report.points.count)
    }

    /// A curve per strategy and a dot per point, in one well-formed file that fetches nothing.
    @Test func thePictureIsOneSelfContainedFile() {
        let svg = BalanceChart(Self.report).rendered()
        let elements = ElementCounter()
        let parser = XMLParser(data: Data(svg.utf8))
        parser.delegate = elements
        #expect(parser.parse())
        #expect(elements.counts["polyline"] == 4)
        let dots = Self.report.points.flatMap(\.outcomes).count { $0.strategy != .tokensAndDerivedTable }
        #expect(elements.counts["circle"] == dots + 1, "and the ring around the goal")
        #expect(svg.components(separatedBy: "http").count == 2, "the name space, and no other address")
        #expect(svg.contains("prefers-color-scheme: dark"))
    }

    private final class ElementCounter: NSObject, XMLParserDelegate {
        private(set) var counts: [String: Int] = [:]

        func parser(
            _ parser: XMLParser,
            didStartElement name: String,
            namespaceURI: String?,
            qualifiedName: String?,
            attributes: [String: String]
        ) {
            self.counts[name, default: 0] += 1
        }
    }
}
