import QuireCore
import Testing

@testable import QuireNode

@Suite struct TransferGateTests {
    private func gate(places: Int) -> TransferGate {
        let gate = TransferGate()
        gate.limit(TransferLimits(transfersPerNodeMax: places))
        return gate
    }

    @Test func givesAsManyPlacesAsAllowedAndTheRestAsTheyComeBack() async {
        let gate = self.gate(places: 2)
        #expect(await gate.takePlace())
        #expect(await gate.takePlace())
        let third = Task { await gate.takePlace() }
        gate.givePlaceBack()
        #expect(await third.value)
        gate.givePlaceBack()
        gate.givePlaceBack()
        #expect(await gate.takePlace())
    }

    @Test func aHigherLimitLetsThoseInWhoWait() async {
        let gate = self.gate(places: 1)
        #expect(await gate.takePlace())
        let second = Task { await gate.takePlace() }
        let third = Task { await gate.takePlace() }
        gate.limit(TransferLimits(transfersPerNodeMax: 3))
        #expect(await second.value)
        #expect(await third.value)
    }

    @Test func whoIsCancelledWaitsNoLongerAndHasNoPlace() async {
        let gate = self.gate(places: 1)
        #expect(await gate.takePlace())
        let second = Task { await gate.takePlace() }
        second.cancel()
        #expect(await second.value == false)
        gate.givePlaceBack()
        #expect(await gate.takePlace())
    }

    @Test func withoutALimitOnBytesNobodyWaits() async {
        let gate = self.gate(places: 1)
        await gate.received(1 << 50)
        await gate.sending(1 << 50)
        #expect(gate.limits.bytesPerSecondMax == nil)
    }
}
