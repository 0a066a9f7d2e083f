/// The result of one check of the running gateway or of this box, for the person who has to mend
/// it.
public struct Check: Sendable, Equatable {
    /// The checks in the order of the data's way.
    public enum Subject: String, Sendable, CaseIterable {
        case broker, subscriptions
        case liftsHeard = "lifts_heard"
        case liftsUnderstood = "lifts_understood"
        case unregistered
        case liftClocks = "lift_clocks"
        case rules, configuration, disk, journal, routes, receipts, refusals, signing, certificates,
            clock
        case selfTest = "selftest"

        /// The title of the check's row.
        public var title: String {
            switch self {
            case .broker: "building's broker"
            case .subscriptions: "subscriptions"
            case .liftsHeard: "lifts heard"
            case .liftsUnderstood: "lifts understood"
            case .unregistered: "unregistered lifts"
            case .liftClocks: "lifts' clocks"
            case .rules: "rules"
            case .configuration: "configuration"
            case .disk: "disk"
            case .journal: "journal"
            case .routes: "routes to the centre"
            case .receipts: "receipts"
            case .refusals: "refused events"
            case .signing: "signing key"
            case .certificates: "certificates"
            case .clock: "clock"
            case .selfTest: "self-test"
            }
        }
    }

    public enum Verdict: String, Sendable {
        case ok, failed
        /// There is nothing to compare it with, or it is too early to say.
        case unknown
    }

    public var subject: Subject
    public var verdict: Verdict
    /// The finding; a sentence without its full stop.
    public var found: String
    /// The advice, where something is to be done; a whole sentence.
    public var advice: String?

    static func ok(_ subject: Subject, _ found: String) -> Check {
        Check(subject: subject, verdict: .ok, found: found)
    }
    static func unknown(_ subject: Subject, _ found: String) -> Check {
        Check(subject: subject, verdict: .unknown, found: found)
    }
    static func failed(_ subject: Subject, _ found: String, _ advice: String? = nil) -> Check {
        Check(subject: subject, verdict: .failed, found: found, advice: advice)
    }
}
