import DeviceProfiles
import Encoding
import Foundation
import LiftModel
import PositionedYAML
import Testing

@testable import City

/// Lifts, people and messages: the same for the same seed, sound where nothing breaks, in the form
/// of their profiles.
@Suite struct CityTests {
    @Test func theSameSeedGivesTheSameBytes() throws {
        let city = try SmallCity(
            """
            duration: 2h
            lifts: 12
            networks: mobile
            failures: { per_lift_year: 5000 }
            """)
        func bytes(_ seed: UInt64) -> [UInt8] {
            var all: [UInt8] = []
            var other = city
            other.seed = seed
            other.simulate { all += $0.topic + $0.payload + Array("\($0.time)".utf8) }
            return all
        }
        let first = bytes(7)
        #expect(first.count > 100_000)
        #expect(first == bytes(7))
        #expect(first != bytes(8))
    }

    @Test func aBuildingIsTheSameAloneAndAmongOthers() throws {
        let city = try SmallCity(
            """
            duration: 1h
            lifts: 20
            networks: mobile
            failures: { per_lift_year: 5000 }
            """)
        var among: [[UInt8]] = []
        let all = city.simulate { if $0.building == 3 { among.append($0.payload) } }
        var alone: [[UInt8]] = []
        let one = city.simulate(only: 3..<4) { alone.append($0.payload) }
        #expect(!alone.isEmpty)
        #expect(among == alone)
        let lifts = Set(one.truth.map(\.lift)).subtracting([""])
        #expect(
            all.truth.filter { lifts.contains($0.lift) }.map(\.start)
                == one.truth.filter { $0.lift != "" }.map(\.start)
        )
    }

    /// Nothing breaks: a car runs with its doors locked, and nobody is trapped.
    @Test func aSoundCityCarriesItsPeople() throws {
        let city = try SmallCity(
            """
            duration: 24h
            lifts: 8
            buildings: { home_tower: 1, office: 1 }
            """)
        var boarded = 0
        var wasOccupied: [Int: Bool] = [:]
        let after = city.simulate { arrival in
            let payload = String(decoding: arrival.payload, as: UTF8.self)
            guard payload.contains("Car_Status") else { return }
            let isRunning = payload.contains("\"Car_Status\":1")
            #expect(!(isRunning && payload.contains("\"Door_Status\":false")), "\(payload)")
            let isOccupied = payload.contains("\"Passenger_Status\":true")
            if isOccupied, wasOccupied[arrival.lift] != true { boarded += 1 }
            wasOccupied[arrival.lift] = isOccupied
        }
        #expect(boarded > 800)
        #expect(after.truth.map(\.kind).filter { $0 != "lift" } == ["run"])
        // Midnight: all passengers have arrived, except for the last few.
        #expect(
            after.buildings.allSatisfy {
                $0.landings.reduce(0) { $0 + $1.up.count + $1.down.count } < 8
            })
    }

    @Test(arguments: ["gbt24476-json", "interval-json"])
    func theGatewaysDecoderReadsWhatLiftsSay(_ name: String) throws {
        let diagnostics = Diagnostics()
        let profile = try #require(
            Profile(SmallCity.file("Devices/profiles/\(name).yaml"), diagnostics))
        var decoder = MessageDecoder(profile)
        let city = try SmallCity(
            """
            duration: 6h
            lifts: 8
            clocks: { wrong: 0.3 }
            devices: [{ profile: \(name) }]
            failures: { per_lift_year: 20000 }
            """)
        var read = 0
        var reported: Set<Signal> = []
        city.simulate { arrival in
            let topic = String(decoding: arrival.topic, as: UTF8.self)
            guard
                let index = profile.topics.firstIndex(where: { $0.pattern.lift(in: topic) != nil })
            else {
                Issue.record("no topic of the profile matches \(topic)")
                return
            }
            do throws(UnreadableMessage) {
                let message = try decoder.decode(
                    arrival.payload.span, topic: index, isRetained: false, identities: [])
                #expect(decoder.unexpectedValues.isEmpty)
                read += 1
                reported.formUnion(
                    Signal.allCases.filter {
                        message.reading.known & (1 << UInt64($0.rawValue)) != 0
                    })
            } catch {
                Issue.record("\(error): \(String(decoding: arrival.payload, as: UTF8.self))")
            }
        }
        #expect(read > 10_000)
        // Every signal of the profile is published, except for the thermal contact, which no lift
        // of this city has.
        #expect(
            profile.provides.subtracting(reported).isSubset(of: [.overheated]),
            "\(profile.provides.subtracting(reported))")
    }

    @Test func anUnknownNameIsRefusedWithItsLocation() {
        func message(_ text: String) -> String {
            do {
                _ = try SmallCity(text)
                return "accepted"
            } catch { return "\(error)" }
        }
        #expect(
            message("buildings: { home_towr: 1 }").contains(
                "scenario.yaml:2:14: 'home_towr' is not in the catalogue. Did you mean 'home_tower'?"
            ))
        #expect(
            message("failures: { only: [door_lok_contact] }").contains(
                "Did you mean 'door_lock_contact'?"))
        #expect(message("sensors: { occupancy: { truthfull: 1 } }").contains("truthful"))
        #expect(message("lifs: 3").contains("'lifs' is not a key here. Did you mean 'lifts'?"))
        #expect(message("devices: [{ profile: acme }]").contains("no profile is named 'acme'"))
    }
}
