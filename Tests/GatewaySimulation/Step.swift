import Encoding
import SimulatedDisk

/// One step of a script.
enum Step: CustomStringConvertible, Equatable {
    /// A lift's car does something else, and says so.
    case lift(Int, SimulatedLift.Situation)
    /// The passenger of a lift presses the alarm button.
    case press(Int)
    /// Every lift says again what its car does.
    case repeatStates
    /// Time passes, in which the gateway turns.
    case pass(milliseconds: Int)
    /// The gateway does nothing for so long. Every lift repeats its state at the beginning.
    case stall(milliseconds: Int)
    case connectionLost
    case brokerDown
    case brokerUp(keepsQueue: Bool, keepsSession: Bool)
    case disk(SimulatedDisk.Fault, after: Int)
    /// The next commits take this long.
    case slowDisk(milliseconds: Int)
    /// When the routes next have something to read, one read of theirs fails, after so many.
    case routeReadError(after: Int)
    case repair
    /// The process dies before the effect of this number from now.
    case kill(effects: Int)
    /// So does the box; its clock then differs by this.
    case powerCut(effects: Int, clockStep: Int)
    case restart
    /// At the next start the lift is in the configuration, or is not.
    case listed(Int, Bool)
    /// The rules are reloaded, where `other` with longer holds.
    case reload(other: Bool)
    case centre(Int, SimulatedCentre.Mood)
    /// The first route to the city; it has a second one.
    case firstRoute(isUp: Bool)
    /// The broker restarts, and grants this QoS.
    case brokerGrants(Int)
    /// A centre says that it has accepted, or dealt with, an open alert; twice where its answer is
    /// lost.
    case command(Int, SimulatedCommand.Kind, isRepeated: Bool)

    var description: String {
        switch self {
        case .lift(let lift, let situation): "lift \(lift): \(situation)"
        case .press(let lift): "lift \(lift): alarm button"
        case .repeatStates: "every lift repeats its state"
        case .pass(let milliseconds): "\(milliseconds) ms pass"
        case .stall(let milliseconds): "the gateway stalls for \(milliseconds) ms"
        case .connectionLost: "the connection to the broker is lost"
        case .brokerDown: "the broker goes down"
        case .brokerUp(let queue, let session):
            "the broker comes up\(queue ? "" : ", its queue lost")\(session ? "" : ", its session lost")"
        case .disk(let kind, let after): "the disk: \(kind) after \(after) operations"
        case .slowDisk(let milliseconds): "commits take \(milliseconds) ms"
        case .routeReadError(let after): "a read of the routes fails after \(after) others"
        case .repair: "the disk is repaired"
        case .kill(let effects): "the process dies \(effects) effects from now"
        case .powerCut(let effects, let step):
            "the power is cut \(effects) effects from now; the clock is off by \(step) s"
        case .restart: "an orderly restart"
        case .listed(let lift, let isListed):
            "lift \(lift) is \(isListed ? "put into" : "taken out of") the configuration"
        case .reload(let other): "the rules are reloaded\(other ? ", with longer holds" : "")"
        case .centre(let index, let mood): "centre \(index): \(mood)"
        case .firstRoute(let isUp): "the city's first route is \(isUp ? "up" : "down")"
        case .brokerGrants(let qos): "the broker restarts and grants QoS \(qos)"
        case .command(let index, let kind, let isRepeated):
            "centre \(index): \(kind)\(isRepeated ? ", twice" : "")"
        }
    }

    static let lifts = 10

    /// A script of at least 500 inputs for the core.
    static func script(_ random: inout SplitMix64) -> [Step] {
        func below(_ n: Int) -> Int { Int(random.next() % UInt64(n)) }
        func coin() -> Bool { random.next() & 1 == 0 }
        var steps: [Step] = []
        while steps.count < 90 {
            switch below(114) {
            case 0..<30:
                let situations = SimulatedLift.Situation.allCases
                steps.append(.lift(below(lifts), situations[below(situations.count)]))
            case 30..<35: steps.append(.press(below(lifts)))
            case 35..<41: steps.append(.repeatStates)
            case 41..<65:
                steps.append(.pass(milliseconds: coin() ? below(500) : below(20_000)))
            case 65..<68: steps.append(.connectionLost)
            case 68..<70: steps.append(.brokerDown)
            case 70..<74:
                steps.append(.brokerUp(keepsQueue: below(3) > 0, keepsSession: below(4) > 0))
            case 74..<78:
                let faults = SimulatedDisk.Fault.allCases
                steps.append(.disk(faults[below(faults.count)], after: below(40)))
            case 78..<81: steps.append(.slowDisk(milliseconds: below(4000)))
            case 81..<85: steps.append(.repair)
            case 85..<89: steps.append(.kill(effects: below(12)))
            case 89: steps.append(.powerCut(effects: below(12), clockStep: below(7200) - 3600))
            case 90: steps.append(.restart)
            case 91: steps.append(.reload(other: coin()))
            case 92..<97:
                let moods = SimulatedCentre.Mood.allCases
                steps.append(.centre(below(2), coin() ? .well : moods[below(moods.count)]))
            case 97..<100:
                let kinds = SimulatedCommand.Kind.allCases
                steps.append(
                    .command(below(2), kinds[below(kinds.count)], isRepeated: below(3) == 0))
            case 100..<102: steps += stallInSilence(&random)
            case 102..<105: steps += packetIDsAgain(&random)
            case 105..<108: steps.append(.routeReadError(after: below(12)))
            case 108: steps += actionBeforeMessages(&random)
            case 109..<112: steps.append(.firstRoute(isUp: coin()))
            default: steps.append(.brokerGrants(below(3) == 0 ? 0 : 1))
            }
        }
        return steps
    }

    /// Lifts with a passenger are taken out of the configuration and put back soon after, each time
    /// with a start.
    static func listsChange(_ steps: [Step], _ random: inout SplitMix64) -> [Step] {
        func below(_ n: Int) -> Int { Int(random.next() % UInt64(n)) }
        var steps = steps
        for _ in 0..<3 {
            let lift = below(lifts)
            func start() -> Step { below(2) == 0 ? .restart : .kill(effects: below(6)) }
            let further: [Step] = [
                .lift(lift, .running), .lift(lift, .trapped),
                .pass(milliseconds: 10_000 + below(10_000)), .listed(lift, false), start(),
                .pass(milliseconds: below(2) == 0 ? below(300) : below(20_000)),
                .listed(lift, true), start(), .pass(milliseconds: below(20_000)),
            ]
            steps.insert(contentsOf: further, at: below(steps.count))
        }
        return steps
    }

    /// The silence of a lift in use is not yet one that is suspected when the gateway stalls, and
    /// the lift's next message waits unread. The process dies soon after.
    private static func stallInSilence(_ random: inout SplitMix64) -> [Step] {
        func below(_ n: Int) -> Int { Int(random.next() % UInt64(n)) }
        return [
            .lift(below(lifts), .running), .repeatStates,
            .pass(milliseconds: 27_500 + below(2400)), .stall(milliseconds: 2000 + below(2000)),
            .pass(milliseconds: below(500)), .kill(effects: below(12)),
        ]
    }

    /// A command is applied, the disk does not take it, and messages come at the same moment. One
    /// commit has them all, and the process dies soon after.
    private static func actionBeforeMessages(_ random: inout SplitMix64) -> [Step] {
        func below(_ n: Int) -> Int { Int(random.next() % UInt64(n)) }
        let lift = below(lifts)
        return [
            .lift(lift, .trapped), .pass(milliseconds: 15_000 + below(3000)), .repair,
            .disk(.writeError, after: 0), .command(0, .endOfAlarm, isRepeated: false),
            .lift(lift, .open), .repeatStates, .repair,
            .pass(milliseconds: 1000 + below(1000)), .kill(effects: below(6)),
        ]
    }

    /// Every lift repeats its state, one with its alarm button pressed, before and after the broker
    /// loses its unsaved state. It gives the repetitions the packet ids of the messages before.
    private static func packetIDsAgain(_ random: inout SplitMix64) -> [Step] {
        func below(_ n: Int) -> Int { Int(random.next() % UInt64(n)) }
        let lift = below(lifts)
        return [
            .lift(lift, .trapped), .press(lift), .pass(milliseconds: 300), .repeatStates,
            .pass(milliseconds: 300), .repeatStates, .pass(milliseconds: 300), .brokerDown,
            .brokerUp(keepsQueue: false, keepsSession: true), .repeatStates,
            .pass(milliseconds: 1000 + below(2000)),
        ]
    }
}

/// A command of a centre, as it waits in the gateway's inbox.
struct SimulatedCommand: Equatable {
    enum Kind: CaseIterable { case accepted, endOfAlarm, unreadable }
    var name: String
    var id: String
    var centre: String
    var alertID: String
    var kind: Kind
}
