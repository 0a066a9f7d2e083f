import GatewayCore
import Monitoring

extension StatusSnapshot {
    /// Totals of the gateway: messages, alerts and redeliveries since the journal was created, the
    /// others since the start.
    package struct Counters: Codable, Sendable {
        package var messages: Int
        package var commits: Int
        package var alerts: Int
        package var redelivered: Int
        package var commitFailures: Int
        /// How often messages had waited unread so long that timers had to wait, too.
        package var stalls: Int
        /// Packets that were too large for the memory limit.
        package var giantPackets: Int
        /// Messages that were acknowledged while the disk took no commit.
        package var unjournalled: Int

        enum CodingKeys: String, CodingKey {
            case messages, commits, alerts, redelivered
            case commitFailures = "commit_failures"
            case stalls = "fell_behind"
            case giantPackets = "giant_packets"
            case unjournalled
        }
    }

    /// What was odd in the readings of one lift.
    package struct LiftCounters: Codable, Sendable {
        package var readings: Int
        package var duplicates: Int
        package var rolledBack: Int
        package var tooLate: Int
        package var absurdTimes: Int
        package var standingClocks: Int

        enum CodingKeys: String, CodingKey {
            case readings, duplicates
            case rolledBack = "rolled_back"
            case tooLate = "too_late"
            case absurdTimes = "absurd_times"
            case standingClocks = "standing_clocks"
        }
    }
}

extension StatusSnapshot.Counters {
    init(_ counters: GatewayCore.Counters) {
        messages = counters.messages
        commits = counters.commits
        alerts = counters.alerts
        redelivered = counters.redelivered
        commitFailures = counters.commitFailures
        stalls = counters.stalls
        giantPackets = counters.giantPackets
        unjournalled = counters.unjournalled
    }
}

extension StatusSnapshot.LiftCounters {
    init(_ counters: LiftCounters) {
        readings = counters.readings
        duplicates = counters.duplicates
        rolledBack = counters.rolledBack
        tooLate = counters.historical
        absurdTimes = counters.implausibleTimes
        standingClocks = counters.stoppedClocks
    }
}
