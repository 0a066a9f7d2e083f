import Contract
import DeliveryCore
import Journal
import LiftModel
import Platform
import Synchronization

/// The state that the loop and the routes share, behind locks, and a wake-up for each route.
public final class DeliveryState: Sendable {
    /// The state and counters of one route.
    public struct RouteStatus: Sendable, Equatable {
        public var centre: String
        /// `city/1`: the centre, and the number of the route among the centre's routes.
        public var name: String
        public var url: String
        /// The topic on which the centre sends its receipts; nil where they are answers to
        /// requests.
        public var receiptTopic: String?
        public var isConnected = false
        /// When the last receipt came; nil before the first.
        public var lastReceipt: MonotonicTime?
        public var receipts = 0
        /// Receipts for events that are not pending, and answers that cannot be read.
        public var unmatchedReceipts = 0
        public var sent = 0
        public var resent = 0
        /// Events that the centre refused for good.
        public var refused = 0
        public var connectFailures = 0
        public var lastError = ""
        /// Problems of an established connection; whole sentences.
        public var problems: [String] = []
        /// Why it is in doubt whether the centre has stored what it gave the last receipts for; a
        /// whole sentence.
        public var receiptDoubt: String?
        /// The lead of the server's clock over the monotonic clock, by the last answer with a time
        /// (`Date` of HTTP). The wall clock may be set after the answer.
        public var serverClockLead: Duration?
        /// When the route last turned: it shows a blocked library. nil before the first turn.
        public var lastTurn: MonotonicTime?
        public init(centre: String, name: String, url: String) {
            self.centre = centre
            self.name = name
            self.url = url
        }
    }

    /// The last heartbeat, as a CloudEvent without the members of a copy.
    struct Heartbeat: Sendable, Equatable {
        /// Grows with each heartbeat.
        var number = 0
        var body: [UInt8] = []
    }

    private let damage = Mutex<JournalError?>(nil)
    private let memory = Mutex(UnjournalledEvents())
    private let state = Mutex(SiteState())
    private let lastHeartbeat = Mutex(Heartbeat())
    private let refusedCommands = RefusedCommands()
    private let reloadCount = Atomic(0)
    private let routes: Mutex<[RouteStatus]>
    private let wakeUps: [WakeUp]

    public init(routes: [RouteStatus]) {
        self.routes = Mutex(routes)
        wakeUps = routes.map { _ in WakeUp() }
    }

    /// Signalled when the outbox or the site's state has changed.
    func wakeUp(of route: Int) -> WakeUp { wakeUps[route] }
    public func wakeRoutes() { for wakeUp in wakeUps { wakeUp.signal() } }

    public var siteState: SiteState {
        get { state.withLock { $0 } }
        set { state.withLock { $0 = newValue } }
    }

    public func setHeartbeat(_ body: [UInt8]) {
        lastHeartbeat.withLock { $0 = Heartbeat(number: $0.number + 1, body: body) }
        wakeRoutes()
    }
    var heartbeat: Heartbeat { lastHeartbeat.withLock { $0 } }

    /// How often the configuration was reloaded.
    var reloads: Int { reloadCount.load(ordering: .relaxed) }
    public func noteReload() {
        reloadCount.add(1, ordering: .relaxed)
        wakeRoutes()
    }

    // MARK: Commands that cannot be read

    func refuse(_ command: RefusedCommand, of centre: String) {
        refusedCommands.add(command, of: centre, now: MonotonicClock.now)
    }
    /// The commands to answer; each is returned once.
    public func takeRefusedCommands() -> [(centre: String, command: RefusedCommand)] {
        refusedCommands.take()
    }

    // MARK: While the disk fails

    /// The error by which a route has found that the journal's file is damaged.
    public var journalDamage: JournalError? { damage.withLock { $0 } }
    func note(_ error: any Error) {
        if let error = error as? JournalError, error.isDamage { damage.withLock { $0 = error } }
    }

    /// The events that wait for the disk and that a centre has not stored yet, most urgent first.
    /// Each route calls this several times a second on its own thread, and so finds a commit that
    /// hangs.
    func unjournalled(
        for centre: String, lanes: Set<Lane>, at now: MonotonicTime = MonotonicClock.now
    ) -> [OutboundEvent] {
        memory.withLock { $0.waiting(for: centre, lanes: lanes, at: now) }
    }
    /// Lets the routes send these events from memory, as the disk does not take them now.
    public func sendFromMemory(
        _ events: [OutboundEvent], at now: MonotonicTime = MonotonicClock.now
    ) {
        memory.withLock { $0.send(events, at: now) }
    }
    /// The events that wait for the disk and that some centre has not stored yet, and since when.
    /// - Parameter lanes: the lanes that each centre receives.
    public func undelivered(to lanes: [String: Set<Lane>]) -> [(id: String, since: MonotonicTime)] {
        memory.withLock { $0.undelivered(to: lanes) }
    }
    public func isUndelivered(_ event: OutboundEvent, to lanes: [String: Set<Lane>]) -> Bool {
        memory.withLock { $0.isUndelivered(event, to: lanes) }
    }
    /// A commit of these events starts. `commitSucceeded` or `commitFailed` follows.
    public func commitStarted(
        with events: [OutboundEvent], at now: MonotonicTime = MonotonicClock.now
    ) {
        memory.withLock { $0.commitStarted(with: events, at: now) }
    }
    public func commitFailed() { memory.withLock { $0.commitFailed() } }
    public func commitSucceeded() { memory.withLock { $0.commitSucceeded() } }
    /// Records which of the events in memory a centre has stored.
    /// - Returns: the other ids, which are those of journalled events.
    func recordStored(
        _ ids: [String], by centre: String, at now: MonotonicTime = MonotonicClock.now
    ) -> [String] {
        memory.withLock { $0.recordStored(ids, by: centre, at: now) }
    }

    // MARK: Status of the routes

    public var routeStatuses: [RouteStatus] { routes.withLock { $0 } }
    func update(_ route: Int, _ change: (inout RouteStatus) -> Void) {
        routes.withLock { change(&$0[route]) }
    }
}
