import Elevator
import Encoding
import Synchronization

/// The retained word about a site: what a centre that starts empty rebuilds every open incident from, and what it goes by
/// when the building is dark.
public struct SiteState: Sendable, Equatable {
    public struct Incident: Sendable, Equatable {
        public var alertID: String
        public var revision: Int
        public var lift: String
        public var kind: String
        public var state: String
        public var severity: String
        public var onset: Instant
        public init(
            alertID: String, revision: Int, lift: String, kind: String, state: String, severity: String, onset: Instant
        ) {
            self.alertID = alertID
            self.revision = revision
            self.lift = lift
            self.kind = kind
            self.state = state
            self.severity = severity
            self.onset = onset
        }
    }
    public var incidents: [Incident] = []
    /// Lifts in which somebody may be now. If the site goes dark, these are to be treated as suspected.
    public var liftsThatMayHoldPeople: [String] = []
    public var hearsLifts = false
    public init() {}

    func json(site: AlertEvent.Site, at time: Instant) -> [UInt8] {
        var json = JSONWriter()
        json.object {
            $0.put("type", "org.hoistway.site.v1")
            $0.put("site", site.id)
            $0.put("time", time.rfc3339)
            $0.put("hears_lifts", hearsLifts)
            $0.array("open_alerts") { array in
                for incident in incidents {
                    array.object {
                        $0.put("alert_id", incident.alertID)
                        $0.put("revision", incident.revision)
                        $0.put("lift", incident.lift)
                        $0.put("kind", incident.kind)
                        $0.put("state", incident.state)
                        $0.put("severity", incident.severity)
                        $0.put("onset", incident.onset.rfc3339)
                    }
                }
            }
            $0.array("may_hold_people") { for lift in liftsThatMayHoldPeople { $0.item(lift) } }
        }
        return json.bytes
    }
}

/// What the loop tells the routes, and they tell back: a handful of facts behind a lock, and a bell.
public final class UplinkBoard: Sendable {
    public struct RouteStatus: Sendable, Equatable {
        public var isConnected = false
        /// Monotonic nanoseconds of the last receipt, nil before the first.
        public var lastReceipt: Int64?
        public var receipts = 0
        /// Receipts for nothing that is owed, or that cannot be read.
        public var unmatchedReceipts = 0
        public var sent = 0
        public var resent = 0
        public var connectFailures = 0
        public var lastError = ""
        /// Monotonic nanoseconds of the route's last turn: a blocked library shows here.
        public var lastTurn: Int64 = 0
        public init() {}
    }
    /// An alert that was decided and cannot be made durable: a full or failing disk. It goes out from memory.
    public struct UnjournalledEvent: Sendable, Equatable {
        public var id: String
        public var lane: Lane
        public var lift: String
        public var body: [UInt8]
        public init(id: String, lane: Lane, lift: String, body: [UInt8]) {
            self.id = id
            self.lane = lane
            self.lift = lift
            self.body = body
        }
    }
    private struct Memory {
        var events: [UnjournalledEvent] = []
        /// Of those, what the centre has said it stored.
        var stored: Set<String> = []
    }

    private let memory = Mutex(Memory())
    private let state = Mutex(SiteState())
    private let route = Mutex(RouteStatus())

    public init() {}
    public var siteState: SiteState {
        get { state.withLock { $0 } }
        set { state.withLock { $0 = newValue } }
    }
    /// What waits for a disk that is well, most urgent first.
    var unjournalled: [UnjournalledEvent] {
        memory.withLock { memory in
            memory.events.filter { !memory.stored.contains($0.id) }.sorted { $0.lane.rawValue < $1.lane.rawValue }
        }
    }
    public func hold(_ events: [UnjournalledEvent]) { memory.withLock { $0.events = events } }
    /// What was held is journalled now.
    /// - Returns: of it, what the centre has stored already.
    public func release() -> [String] {
        memory.withLock { memory in
            defer { memory = Memory() }
            return memory.stored.sorted()
        }
    }
    /// Takes out of the ids those that are held.
    func settleHeld(_ ids: [String]) -> [String] {
        memory.withLock { memory in
            let held = Set(memory.events.map(\.id))
            memory.stored.formUnion(held.intersection(ids))
            return ids.filter { !held.contains($0) }
        }
    }
    public var routeStatus: RouteStatus { route.withLock { $0 } }
    func update(_ change: (inout sending RouteStatus) -> Void) { route.withLock { change(&$0) } }
}
