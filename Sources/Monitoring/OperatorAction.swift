import Encoding
import LiftModel

/// What a person does about an alert or a lift. It is an input of the detector like a reading,
/// journalled and replayed.
public enum OperatorAction: Sendable, Equatable {
    /// Work is announced on a lift until a time. It suppresses what begins in it, except the alarm
    /// call and open incidents.
    case maintenance(lift: String, until: Instant, by: String, reason: String)
    /// The work has ended before its time.
    case maintenanceEnds(lift: String, by: String)
    /// A person at the centre has accepted an alert. It gets no more reminders, and nothing
    /// suppresses it until it ends (EN 81-28); its stage stays the same.
    case accepted(alert: String, by: String)
    /// A person knows that people are in the car: the alert is confirmed at once.
    case verified(alert: String, Statement)
    /// Help is on its way, is there, or the people are out. The revision goes to every centre and
    /// changes no verdict.
    case progress(alert: String, Progress, Statement)
    /// A person at the centre declares the incident over.
    case endOfAlarm(alert: String, Statement)
    /// A person at the centre found nothing. What begins after this is evaluated as new.
    case judgedFalse(alert: String, by: String, reason: String)

    /// The steps of a rescue between accepting a call and its end (接警, 出动, 抵达, 解救).
    public enum Progress: String, Sendable, CaseIterable {
        case dispatched, arrived, released

        /// The reason of the revision.
        var reason: AlertReason {
            switch self {
            case .dispatched: .dispatched
            case .arrived: .arrived
            case .released: .released
            }
        }
    }

    /// A longer window is cut to this: a suppressor expires.
    public static let longestMaintenance = Duration.seconds(12 * 3600)

    /// The same action on a time line that is ahead by `lead`.
    public func moved(by lead: Duration) -> OperatorAction {
        guard case .maintenance(let lift, let until, let by, let reason) = self else { return self }
        return .maintenance(lift: lift, until: until + lead, by: by, reason: reason)
    }
}

/// Why an operator action could not be applied.
public enum OperatorActionError: Error, CustomStringConvertible, Equatable {
    case unknownLift(String)
    case noOpenAlert(String)
    case notAnEntrapment(String)
    /// A person knows that people are in the car, so another one cannot have found nothing.
    case isVerified
    case over(Instant)
    /// The centre does not receive alerts of this lane.
    case notSent(String)

    public var description: String {
        switch self {
        case .unknownLift(let lift): "no lift '\(lift)' is registered here"
        case .noOpenAlert(let alert): "no alert '\(alert)' is open here"
        case .notAnEntrapment(let kind):
            "only an entrapment or an alarm call is accepted or verified; this is \(kind)"
        case .isVerified:
            "a person has verified that people are in the car: when they are out, say 'released' or 'end_of_alarm'"
        case .notSent(let centre): "'\(centre)' does not receive such alerts and cannot act on them"
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

    /// The window is itself an event, so that the suppressor is visible.
    static func alert(lift: String, _ origin: AlertOrigin) -> SiteAlert {
        SiteAlert(
            origin, lift: lift, .maintenance,
            title: Title(en: "Work is announced on this lift", zh: "电梯维保作业"))
    }
}

extension OperatorAction {
    /// The alert that it is about; nil for an action about a lift.
    public var alertID: String? {
        switch self {
        case .accepted(let alert, _), .verified(let alert, _), .progress(let alert, _, _),
            .endOfAlarm(let alert, _), .judgedFalse(let alert, _, _):
            alert
        case .maintenance, .maintenanceEnds: nil
        }
    }

    /// A sentence for the log, the command line and the centre.
    /// - Parameter written: how a time is written there.
    public func text(_ written: (Instant) -> String) -> String {
        switch self {
        case .maintenance(let lift, let until, let by, let reason):
            "work on lift \(lift) until \(written(until)), announced by \(by): \(reason)"
        case .maintenanceEnds(let lift, let by): "work on lift \(lift) is over, reported by \(by)"
        case .accepted(let alert, let by): "alert \(alert) accepted by \(by)"
        case .verified(let alert, let statement):
            "alert \(alert): \(statement.people.map { "\($0) " } ?? "")people in the car, verified by \(statement.by)"
        case .progress(let alert, let progress, let statement):
            "alert \(alert): \(progress.rawValue), reported by \(statement.by)"
        case .endOfAlarm(let alert, let statement):
            "alert \(alert): end of alarm by \(statement.by)"
        case .judgedFalse(let alert, let by, let reason):
            "alert \(alert) judged false by \(by): \(reason)"
        }
    }
}

// MARK: One line of text, as it is journalled

extension OperatorAction {
    private static let separator: Character = "\u{1F}"

    /// The action as one line; `init(line:)` reads it back.
    public var line: String {
        let parts: [String] =
            switch self {
            case .maintenance(let lift, let until, let by, let reason):
                ["maintenance", lift, String(until.nanoseconds), by, reason]
            case .maintenanceEnds(let lift, let by): ["maintenance_ends", lift, by]
            case .accepted(let alert, let by): ["accepted", alert, by]
            case .verified(let alert, let statement):
                ["verified", alert] + statement.parts + [
                    statement.condition ?? "", statement.knownBy?.rawValue ?? "",
                ]
            case .progress(let alert, let progress, let statement):
                [progress.rawValue, alert] + statement.parts
            case .endOfAlarm(let alert, let statement): ["end_of_alarm", alert] + statement.parts
            case .judgedFalse(let alert, let by, let reason): ["judged_false", alert, by, reason]
            }
        return parts.joined(separator: String(Self.separator))
    }

    public init?(line: String) {
        let parts = line.split(separator: Self.separator, omittingEmptySubsequences: false).map(
            String.init)
        switch (parts.first, parts.count) {
        case ("maintenance", 5):
            guard let until = Int64(parts[2]) else { return nil }
            self = .maintenance(
                lift: parts[1], until: Instant(nanoseconds: until), by: parts[3], reason: parts[4])
        case ("maintenance_ends", 3): self = .maintenanceEnds(lift: parts[1], by: parts[2])
        case ("accepted", 3): self = .accepted(alert: parts[1], by: parts[2])
        // Version 0.2 journalled it without people and remark.
        case ("end_of_alarm", 3): self = .endOfAlarm(alert: parts[1], Statement(by: parts[2]))
        case ("end_of_alarm", 5): self = .endOfAlarm(alert: parts[1], Statement(parts[2...]))
        case ("verified", 7):
            var statement = Statement(parts[2...4])
            statement.condition = parts[5].isEmpty ? nil : parts[5]
            statement.knownBy = Statement.KnownBy(rawValue: parts[6])
            self = .verified(alert: parts[1], statement)
        case (let name?, 5):
            guard let progress = Progress(rawValue: name) else { return nil }
            self = .progress(alert: parts[1], progress, Statement(parts[2...]))
        case ("judged_false", 4):
            self = .judgedFalse(alert: parts[1], by: parts[2], reason: parts[3])
        default: return nil
        }
    }
}

extension Statement {
    /// (by, people, remark) as in an action's line.
    fileprivate var parts: [String] { [by, people.map(String.init) ?? "", remark ?? ""] }

    /// From `parts`.
    fileprivate init(_ parts: ArraySlice<String>) {
        let parts = Array(parts)
        self.init(by: parts[0], people: Int(parts[1]), remark: parts[2].isEmpty ? nil : parts[2])
    }
}
