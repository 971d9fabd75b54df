import Testing

@testable import quire

@Suite struct QuantityTests {
    @Test(arguments: [
        (0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1536, "1.5 KiB"), (102_348, "99.9 KiB"),
        (102_400, "100 KiB"), (1_048_063, "1023 KiB"), (1_048_064, "1.0 MiB"), (50_164_600, "47.8 MiB"),
        (Int.max, "8192 PiB"),
    ])
    func writesBytesInBinaryUnits(count: Int, text: String) {
        #expect(Quantity.bytes(count) == text)
    }

    @Test(arguments: [
        (0.0, "0.0s"), (0.44, "0.4s"), (9.94, "9.9s"), (9.96, "10s"), (59.4, "59s"), (59.6, "1m00s"),
        (308, "5m08s"), (3599.6, "1h00m"), (7625, "2h07m"), (.infinity, "?"), (-1, "?"),
    ])
    func writesDurations(seconds: Double, text: String) {
        #expect(Quantity.duration(seconds: seconds) == text)
    }

    @Test(arguments: [(0, "0"), (999, "999"), (1000, "1,000"), (63_666, "63,666"), (-1_234_567, "-1,234,567")])
    func groupsDigits(number: Int, text: String) {
        #expect(Quantity.count(number) == text)
    }

    @Test func writesRates() {
        #expect(Quantity.rate(bytes: 50_000_000, seconds: 4) == "12.5 MB/s")
        #expect(Quantity.rate(count: 8000, seconds: 2) == "4,000/s")
        #expect(Quantity.rate(bytes: 1, seconds: 0) == "- MB/s")
    }
}
