import Encoding
import Foundation
import LiftModel
import PositionedYAML
import Testing

@testable import City

@Suite struct MessageEncoderTests {
    /// With any change from one report to the next, fields that appear and disappear, and clocks
    /// that leap.
    @Test(arguments: ["gbt24476-json", "interval-json"])
    func aStateAmendedIsTheStateWrittenAnew(_ profile: String) throws {
        let dialect = try Dialect(SmallCity.file("Devices/profiles/\(profile).yaml"))
        func encoder() -> MessageEncoder {
            MessageEncoder(
                dialect, lift: "31104401062020010001", ratedSpeed: 1.75, vendorCodes: ["E40", "E5"])
        }
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SplitMix64(seed: seed)
        func chance(_ one: Int) -> Bool { Int.random(in: 1...one, using: &random) == 1 }
        var amending = encoder()
        var panel = Panel()
        var edition = 0
        var (sequence, clock) = (1, Int64(1_772_409_600_000))
        for step in 0..<3000 {
            let last = panel
            if chance(3) { panel.speed = Int.random(in: -250...250, using: &random) }
            if chance(5) { panel.floor = Int.random(in: -3...120, using: &random) }
            if chance(8) { panel.isMoving.toggle() }
            if chance(8) { panel.direction = Int.random(in: -1...1, using: &random) }
            if chance(20) { panel.codes ^= FaultCode.allCases.randomElement(using: &random)!.bit }
            if chance(20) { panel.load = chance(3) ? nil : Int.random(in: 0...110, using: &random) }
            if chance(20) { panel.isOccupied = chance(3) ? nil : Bool.random(using: &random) }
            if chance(30) { panel.isFullyOpen = chance(3) ? nil : Bool.random(using: &random) }
            if chance(30) {
                panel.vendorCode = chance(2) ? nil : Int.random(in: 0...1, using: &random)
            }
            if chance(30) {
                panel.mode = chance(4) ? nil : ServiceMode.allCases.randomElement(using: &random)
            }
            if panel != last { edition += 1 }
            sequence += chance(50) ? Int.random(in: 1...2000, using: &random) : 1
            clock += chance(40) ? Int64.random(in: -90_000_000...90_000_000, using: &random) : 1000
            if chance(200) { clock = Int64.random(in: -5000...5000, using: &random) }
            let report = Report(
                time: 0, lift: 0, sender: 0, kind: .state, panel: panel, edition: edition,
                sequence: sequence,
                clock: clock)
            var anew = encoder()
            let (amended, whole) = (amending.encode(report), anew.encode(report))
            guard amended == whole else {
                Issue.record(
                    "seed \(seed), step \(step): \(String(decoding: amended, as: UTF8.self)) for \(String(decoding: whole, as: UTF8.self))"
                )
                return
            }
        }
    }
}
