import LiftModel
import Testing

@testable import DeliveryCore

/// The publications that a centre's broker has not acknowledged.
@Suite struct PublicationsTests {
    @Test func publicationsShowWhetherTheConnectionMakesProgress() {
        var publications = Publications()
        #expect(
            !publications.isSilent(at: .init(seconds: 100), for: .seconds(15)), "nothing is awaited"
        )
        publications.add(
            Publications.Publication(topic: "state", event: nil), as: 1, at: .init(seconds: 20))
        publications.add(
            Publications.Publication(topic: "alert", event: "a"), as: 2, at: .init(seconds: 30))
        #expect(!publications.isSilent(at: .init(seconds: 35), for: .seconds(15)))
        #expect(
            publications.isSilent(at: .init(seconds: 35.000_000_001), for: .seconds(15)),
            "since the first one")
        let state = publications.acknowledge(1, at: .init(seconds: 35))
        #expect(state?.topic == "state" && publications.count == 1)
        #expect(
            !publications.isSilent(at: .init(seconds: 50), for: .seconds(15)),
            "a slow connection makes progress")
        #expect(publications.isSilent(at: .init(seconds: 50.000_000_001), for: .seconds(15)))
        let unknown = publications.acknowledge(9, at: .init(seconds: 60))
        #expect(unknown == nil && publications.count == 1)
        publications.removeAll()
        #expect(publications.count == 0)
    }
}
