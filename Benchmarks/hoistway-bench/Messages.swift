import ArgumentParser
import DeviceProfiles
import Gateway
import GatewayCore
import LiftModel
import Monitoring

/// JSON messages of many lifts through decoder and standard rules, as in the daemon.
struct Messages: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "JSON messages of about 190 bytes, 1% duplicated and 2% late, through decoder and rules."
    )

    @Option(help: "Messages.") var count = 1_000_000
    @Option(help: "Lifts that send them.") var lifts = 10_000
    @Option(help: "The rules, a file or folder.") var rules = "Devices/rules"
    @Flag(help: "Decode only.") var decodeOnly = false

    func run() throws {
        let data = try DeviceData(profiles: ["Devices/profiles"], rules: [rules])
        let start = Instant(nanoseconds: 1_772_323_200_000_000_000)
        var fleet = Fleet(lifts: lifts, start: start)
        var intake = Intake(data: data, admission: .registered, start: start, isObserving: true)
        let beganLifts = cpuSeconds()
        for lift in fleet.names {
            try intake.register(Lift(id: lift), profile: "gbt24476-json", at: start)
        }
        printRow(
            "start: \(lifts) lifts × \(data.rules.ruleNames.count) rules",
            "\(written(cpuSeconds() - beganLifts, 3)) s")
        var decoder = MessageDecoder(data.profiles[0])
        var total = 0.0
        var decoding = 0.0
        var ruleTime = 0.0
        var bytes = 0
        var alerts = 0
        var checksum: UInt64 = 0
        var left = count
        while left > 0 {
            // In pieces, so that the generation of messages is not measured and memory stays small.
            let piece = fleet.messages(min(left, 50_000))
            left -= piece.count
            bytes += piece.reduce(0) { $0 + $1.payload.count }
            let beganDecoding = cpuSeconds()
            for message in piece {
                let decoded = try decoder.decode(
                    message.payload.span, topic: 0, isRetained: false, identities: [])
                checksum ^= decoded.duplicateKey &+ decoded.reading.known
            }
            decoding += cpuSeconds() - beganDecoding
            if decodeOnly { continue }
            let began = cpuSeconds()
            for message in piece {
                intake.take(
                    topic: message.topic.span, payload: message.payload.span, isRetained: false,
                    arrival: message.arrival)
            }
            total += cpuSeconds() - began
            alerts += intake.takeAlerts().count
            ruleTime = total - decoding
        }
        printRow(
            "messages", "\(count)",
            "\(bytes / count) bytes each, \(alerts) alerts, checksum \(String(checksum, radix: 16))"
        )
        printRow(
            "decode alone", "\(written(Double(count) / decoding / 1e6)) M/s",
            "\(written(decoding / Double(count) * 1e9, 0)) ns")
        if decodeOnly { return }
        printRow(
            "decode and rules", "\(written(Double(count) / total / 1e6)) M/s",
            "\(written(total / Double(count) * 1e9, 0)) ns")
        printRow(
            "of it beyond decoding", "\(written(ruleTime / Double(count) * 1e9, 0)) ns",
            "topic, clock, duplicates, lateness, rules")
    }
}

/// Lifts that run up and down with people in them, and send a message a second.
struct Fleet {
    struct Message {
        var topic: [UInt8]
        var payload: [UInt8]
        var arrival: Instant
    }
    private struct Car {
        var sequence = 0
        var moving = false
        var floor = 1
        var load = 0
        var open = false
        var phase: Int
        var held: Message?
    }
    let names: [String]
    private let topics: [[UInt8]]
    private var cars: [Car]
    private var chance = Chance(seed: 24476)
    private var now: Int64
    private var next = 0

    init(lifts: Int, start: Instant) {
        names = (0..<lifts).map { "lift-\($0)" }
        topics = names.map { Array("lifts/\($0)/state".utf8) }
        cars = []
        now = start.nanoseconds
        for _ in 0..<lifts { cars.append(Car(phase: chance.below(40))) }
    }

    mutating func messages(_ count: Int) -> [Message] {
        var result: [Message] = []
        result.reserveCapacity(count + 100)
        while result.count < count {
            if next == cars.count { next = 0 }
            let index = next
            next += 1
            now += 1_000_000_000 / Int64(cars.count)
            let late = cars[index].held
            cars[index].held = nil
            let message = nextMessage(index)
            if late == nil, chance.happens(2) {
                cars[index].held = message  // it arrives after the next one
                continue
            }
            result.append(message)
            if var late {
                late.arrival = message.arrival
                result.append(late)
            }
            if chance.happens(1) { result.append(message) }
        }
        return result
    }

    private mutating func nextMessage(_ index: Int) -> Message {
        var car = cars[index]
        car.sequence += 1
        car.phase = (car.phase + 1) % 40
        switch car.phase {
        case 0: (car.moving, car.open) = (true, false)
        case 1..<12: car.floor = car.phase
        case 12: car.moving = false
        case 14: car.open = true
        case 15: car.load = chance.below(60)
        case 20: car.open = false
        case 25: car.moving = true
        case 26..<37: car.floor = 37 - car.phase
        case 37: (car.moving, car.load) = (false, 0)
        default: break
        }
        cars[index] = car
        let seconds = now / 1_000_000_000
        let payload =
            "{\"Time_Stamps\":\"\(Instant(nanoseconds: seconds * 1_000_000_000).rfc3339)\",\"Sequence\":\(car.sequence),"
            + "\"Service_Mode\":1,\"Car_Status\":\(car.moving ? 1 : 0),\"Door_Zone\":\(!car.moving),"
            + "\"Car_Position\":\(car.floor),\"Door_Status\":\(!car.open),\"Passenger_Status\":\(car.load > 0),"
            + "\"Car_Load\":\(car.load),\"Message_Code\":[]}"
        return Message(
            topic: topics[index], payload: Array(payload.utf8), arrival: Instant(nanoseconds: now))
    }
}
