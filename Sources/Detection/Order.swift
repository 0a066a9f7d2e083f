import Elevator
import Encoding

/// What a person tells the detector: an input like a lift's word, journalled and folded like one.
public enum Order: Sendable, Equatable {
    /// Work is announced on a lift until a time: what begins in it is muted, but for the alarm button and open incidents.
    case maintenance(lift: String, until: Instant, by: String, reason: String)
    /// The work is over before its time.
    case maintenanceEnds(lift: String, by: String)
    /// The centre's person has taken an alert on: it is confirmed, and the lift's suppressors are bypassed (EN 81-28).
    case accepted(alert: String, by: String)
    /// The centre's person declares the incident over.
    case endOfAlarm(alert: String, by: String)
    /// The centre's person found nothing. What begins after this is judged afresh.
    case judgedFalse(alert: String, by: String, reason: String)

    /// A window longer than this is cut: a suppressor expires.
    public static let longestMaintenance = Duration.seconds(12 * 3600)
}

/// Why an order could not be followed.
public enum OrderProblem: Error, CustomStringConvertible, Equatable {
    case unknownLift(String)
    case noOpenAlert(String)
    case notAnEntrapment(String)
    case over(Instant)

    public var description: String {
        switch self {
        case .unknownLift(let lift): "no lift '\(lift)' is registered here"
        case .noOpenAlert(let alert): "no alert '\(alert)' is open here"
        case .notAnEntrapment(let kind): "only an entrapment is accepted; this is \(kind)"
        case .over(let time): "its end, \(time.rfc3339), is past"
        }
    }
}

/// An announced maintenance window.
struct Maintenance: Sendable {
    var until: Int64
    var by: String
    var reason: String
    var alert: SiteAlert

    /// The window is itself an event: what mutes is shown.
    static func alert(lift: String) -> SiteAlert {
        SiteAlert(
            site: lift, kind: "maintenance", severity: .info,
            title: Title(en: "Work is announced on this lift", zh: "电梯维保作业"))
    }
}

extension Order {
    /// For a log that people read.
    public var words: String {
        switch self {
        case .maintenance(let lift, let until, let by, let reason):
            "work on lift \(lift) until \(until.rfc3339), announced by \(by): \(reason)"
        case .maintenanceEnds(let lift, let by): "work on lift \(lift) is over, says \(by)"
        case .accepted(let alert, let by): "alert \(alert) accepted by \(by)"
        case .endOfAlarm(let alert, let by): "alert \(alert): end of alarm by \(by)"
        case .judgedFalse(let alert, let by, let reason): "alert \(alert) judged false by \(by): \(reason)"
        }
    }
}

// MARK: One line of text, as it is journalled

extension Order {
    private static let separator: Character = "\u{1F}"

    /// The order as one line; `init(line:)` reads it back.
    public var line: String {
        let parts: [String] =
            switch self {
            case .maintenance(let lift, let until, let by, let reason):
                ["maintenance", lift, String(until.nanoseconds), by, reason]
            case .maintenanceEnds(let lift, let by): ["maintenance_ends", lift, by]
            case .accepted(let alert, let by): ["accepted", alert, by]
            case .endOfAlarm(let alert, let by): ["end_of_alarm", alert, by]
            case .judgedFalse(let alert, let by, let reason): ["judged_false", alert, by, reason]
            }
        return parts.joined(separator: String(Self.separator))
    }

    public init?(line: String) {
        let parts = line.split(separator: Self.separator, omittingEmptySubsequences: false).map(String.init)
        switch (parts.first, parts.count) {
        case ("maintenance", 5):
            guard let until = Int64(parts[2]) else { return nil }
            self = .maintenance(
                lift: parts[1], until: Instant(nanoseconds: until), by: parts[3], reason: parts[4])
        case ("maintenance_ends", 3): self = .maintenanceEnds(lift: parts[1], by: parts[2])
        case ("accepted", 3): self = .accepted(alert: parts[1], by: parts[2])
        case ("end_of_alarm", 3): self = .endOfAlarm(alert: parts[1], by: parts[2])
        case ("judged_false", 4): self = .judgedFalse(alert: parts[1], by: parts[2], reason: parts[3])
        default: return nil
        }
    }
}
