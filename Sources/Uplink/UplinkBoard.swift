import Elevator
import Journal
import Mosquitto
import Synchronization

/// What the loop tells the routes, and they tell back: a handful of facts behind locks, and a bell for each route.
public final class UplinkBoard: Sendable {
    /// How one route is.
    public struct RouteStatus: Sendable, Equatable {
        public var centre: String
        /// As `city/1`: the centre, and the place among its routes.
        public var name: String
        public var url: String
        public var isConnected = false
        /// Monotonic nanoseconds of the last receipt, nil before the first.
        public var lastReceipt: Int64?
        public var receipts = 0
        /// Receipts for nothing that is owed, or that cannot be read.
        public var unmatchedReceipts = 0
        public var sent = 0
        public var resent = 0
        /// Events that the centre refused for good.
        public var refused = 0
        public var connectFailures = 0
        public var lastError = ""
        /// Monotonic nanoseconds of the route's last turn: a blocked library shows here.
        public var lastTurn: Int64 = 0
        public init(centre: String, name: String, url: String) {
            self.centre = centre
            self.name = name
            self.url = url
        }
    }

    /// The gateway's word about itself, as a CloudEvent without its sending; `number` changes with each.
    struct Heartbeat: Sendable, Equatable {
        var number = 0
        var body: [UInt8] = []
    }

    /// Alerts that were decided and cannot be made durable: a full or failing disk. They go out from memory.
    private struct Memory {
        var events: [OwedEvent] = []
        /// Of those, what each centre has said it stored.
        var stored: [String: Set<String>] = [:]
    }

    private let damage = Mutex<JournalError?>(nil)
    private let memory = Mutex(Memory())
    private let state = Mutex(SiteState())
    private let pulse = Mutex(Heartbeat())
    private let routes: Mutex<[RouteStatus]>
    private let bells: [WakeUp]

    public init(routes: [RouteStatus]) {
        self.routes = Mutex(routes)
        bells = routes.map { _ in WakeUp() }
    }

    /// Rung when the outbox or the site's state has changed.
    func bell(_ route: Int) -> WakeUp { bells[route] }
    public func ring() { for bell in bells { bell.signal() } }

    public var siteState: SiteState {
        get { state.withLock { $0 } }
        set { state.withLock { $0 = newValue } }
    }

    public func beat(_ body: [UInt8]) {
        pulse.withLock { $0 = Heartbeat(number: $0.number + 1, body: body) }
        ring()
    }
    var heartbeat: Heartbeat { pulse.withLock { $0 } }

    // MARK: While the disk fails

    /// A route has read what cannot be read: the journal's file itself is at fault.
    public var journalDamage: JournalError? { damage.withLock { $0 } }
    func note(_ error: any Error) {
        if let error = error as? JournalError, error.isDamage { damage.withLock { $0 = error } }
    }

    /// What waits for a disk that is well and a centre has not yet stored, most urgent first.
    func unjournalled(for centre: String, lanes: Set<Lane>) -> [OwedEvent] {
        memory.withLock { memory in
            let stored = memory.stored[centre] ?? []
            return memory.events.filter { !stored.contains($0.id) && lanes.contains($0.lane) }.sorted {
                $0.lane.rawValue < $1.lane.rawValue
            }
        }
    }
    public func hold(_ events: [OwedEvent]) { memory.withLock { $0.events = events } }
    /// What was held is journalled now.
    /// - Returns: of it, what each centre has stored already.
    public func release() -> [String: [String]] {
        memory.withLock { memory in
            defer { memory = Memory() }
            return memory.stored.mapValues { $0.sorted() }
        }
    }
    /// Notes which of these that are held in memory a centre has stored.
    /// - Returns: the others, which the journal has.
    func noteStored(_ ids: [String], by centre: String) -> [String] {
        memory.withLock { memory in
            let held = Set(memory.events.map(\.id))
            memory.stored[centre, default: []].formUnion(held.intersection(ids))
            return ids.filter { !held.contains($0) }
        }
    }

    // MARK: How the routes are

    public var routeStatuses: [RouteStatus] { routes.withLock { $0 } }
    func update(_ route: Int, _ change: (inout RouteStatus) -> Void) { routes.withLock { change(&$0[route]) } }
}
