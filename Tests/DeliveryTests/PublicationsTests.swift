import Testing

@testable import DeliveryCore

/// The publications that a centre's broker has not acknowledged.
@Suite struct PublicationsTests {
    private let second: Int64 = 1_000_000_000

    @Test func publicationsShowWhetherTheConnectionMakesProgress() {
        var publications = Publications()
        #expect(!publications.isSilent(at: 100 * second, for: .seconds(15)), "nothing is awaited")
        publications.add(
            Publications.Publication(topic: "state", event: nil), as: 1, at: 20 * second)
        publications.add(
            Publications.Publication(topic: "alert", event: "a"), as: 2, at: 30 * second)
        #expect(!publications.isSilent(at: 35 * second, for: .seconds(15)))
        #expect(
            publications.isSilent(at: 35 * second + 1, for: .seconds(15)), "since the first one")
        let state = publications.acknowledge(1, at: 35 * second)
        #expect(state?.topic == "state" && publications.count == 1)
        #expect(
            !publications.isSilent(at: 50 * second, for: .seconds(15)),
            "a slow connection makes progress")
        #expect(publications.isSilent(at: 50 * second + 1, for: .seconds(15)))
        let unknown = publications.acknowledge(9, at: 60 * second)
        #expect(unknown == nil && publications.count == 1)
        publications.removeAll()
        #expect(publications.count == 0)
    }
}
