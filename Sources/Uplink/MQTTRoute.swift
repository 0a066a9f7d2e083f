import Elevator
import Encoding
import Journal
import Logging
import Mosquitto
import Synchronization

/// Brings the outbox to the centre over MQTT, most urgent first, until the centre says that it has stored it.
///
/// Reads only the journal's outbox and runs on a thread of its own: a slow or dead centre never holds up detection. A PUBACK
/// is the broker's word; only the centre's receipt takes a row out.
///
///     {prefix}/{site}/alert/{entrapment|fault|info}   ▶ CloudEvents, QoS 1
///     {prefix}/{site}/state                           ▶ retained: open alerts, lifts that may hold people
///     {prefix}/{site}/link                            ▶ retained, last will: online true or false
///     {prefix}/{site}/receipt                         ◀ {"id": "…"} or {"ids": […]}
public final class MQTTRoute: MQTTClientDelegate {
    public struct Settings: Sendable {
        public var site: AlertEvent.Site
        public var prefix: String
        public var client: MQTTClient.Options
        public var journalPath: String
        public var bootID: String
        /// Events under way without a receipt; more wait in the journal.
        public var window = 32
        /// An event without a receipt is sent again after this.
        public var resendAfter: Duration = .seconds(10)
        /// The site's state is sent this soon after a change, and this often without one.
        public var stateEvery: Duration = .seconds(1)
        public var stateRenewal: Duration = .seconds(60)

        public init(
            site: AlertEvent.Site, prefix: String, client: MQTTClient.Options, journalPath: String, bootID: String
        ) {
            self.site = site
            self.prefix = prefix
            self.client = client
            self.journalPath = journalPath
            self.bootID = bootID
        }

        func topic(_ name: String) -> String { "\(prefix)/\(site.id)/\(name)" }
    }

    private struct UnderWay {
        var sentAt: Int64
        var attempts: Int
    }

    private let settings: Settings
    private let board: UplinkBoard
    private let bell: WakeUp
    private let clock: @Sendable () -> Instant
    private let isStopping: @Sendable () -> Bool
    private var log: Logger
    private let journal: Journal
    private var client: MQTTClient?
    private var isReady = false
    private var backoff = Backoff()
    private var nextAttempt: Int64 = 0
    private var random = SystemRandomNumberGenerator()
    private var underWay: [String: UnderWay] = [:]
    private var receipts: [String] = []
    private var lastState: (state: SiteState, at: Int64)?
    private var lost = false

    /// Starts the route on its own thread.
    /// - Parameters:
    ///   - bell: rung when the outbox or the site's state has changed.
    ///   - clock: the gateway's time line.
    public static func start(
        _ settings: Settings, board: UplinkBoard, bell: WakeUp, log: Logger, clock: @escaping @Sendable () -> Instant,
        isStopping: @escaping @Sendable () -> Bool
    ) -> LoopThread {
        LoopThread {
            while !isStopping() {
                do throws(JournalError) {
                    try MQTTRoute(settings, board, bell, log, clock, isStopping).run()
                } catch {
                    log.critical("the route to the centre cannot open the journal: \(error)")
                    _ = Poll.wait([bell.descriptor], for: .seconds(1))
                }
            }
        }
    }

    private init(
        _ settings: Settings, _ board: UplinkBoard, _ bell: WakeUp, _ log: Logger,
        _ clock: @escaping @Sendable () -> Instant,
        _ isStopping: @escaping @Sendable () -> Bool
    ) throws(JournalError) {
        self.settings = settings
        self.board = board
        self.bell = bell
        self.log = log
        self.clock = clock
        self.isStopping = isStopping
        journal = try Journal(settings.journalPath)
    }

    // MARK: The loop

    private func run() {
        while !isStopping() {
            let now = MonotonicClock.nanoseconds
            board.update { $0.lastTurn = now }
            if client == nil, now >= nextAttempt { connect() }
            let socket = client?.socket ?? -1
            let writer = client?.wantsWrite == true ? socket : -1
            let ready = Poll.wait([socket, bell.descriptor], writer: writer, for: .milliseconds(200))
            bell.clear()
            do {
                if ready[0], let client { try client.read() }
                try settleReceipts()
                if isReady { try send() }
                try client?.keepAlive()
                try client?.write()
                if lost { throw RouteLost() }
            } catch { retreat("\(error)") }
        }
        leave()
    }

    private struct RouteLost: Error, CustomStringConvertible {
        var description: String { "the centre's broker closed the connection" }
    }

    private func connect() {
        do throws(MQTTError) {
            var options = settings.client
            options.will = (settings.topic("link"), Array("{\"online\":false}".utf8))
            let client = try MQTTClient(options, delegate: self)
            self.client = client
            lost = false
            try client.connect()
        } catch { retreat(error.description) }
    }

    /// Whatever the library says, final or not, is a pause and another attempt.
    private func retreat(_ reason: String) {
        let pause = backoff.pause(at: MonotonicClock.nanoseconds, using: &random)
        nextAttempt = MonotonicClock.nanoseconds + pause.nanoseconds
        if client != nil { log.warning("centre: \(reason) Next attempt in \(pause.written).") }
        client = nil
        isReady = false
        lost = false
        underWay.removeAll()
        lastState = nil
        board.update {
            $0.isConnected = false
            $0.connectFailures += 1
            $0.lastError = reason
        }
    }

    private func leave() {
        guard let client, isReady else { return }
        // An orderly end sends no last will, so the link's state is told.
        _ = try? client.publish(Array("{\"online\":false}".utf8), to: settings.topic("link"), retain: true)
        try? client.write()
        client.disconnect()
        try? client.write()
    }

    // MARK: Sending

    private func send() throws {
        let now = MonotonicClock.nanoseconds
        try sendState(now)
        let free = settings.window - underWay.values.count { now - $0.sentAt < settings.resendAfter.nanoseconds }
        guard let client else { return }
        var left = free
        // What no disk holds goes first. Urgent rows come first, so the first rows of the outbox are all that can be due.
        let held = board.unjournalled.map {
            Journal.OutboxRow(unjournalled: $0.id, lane: $0.lane, lift: $0.lift, body: $0.body, created: clock())
        }
        for row in held + (try outboxRows(isNeeded: held.isEmpty)) {
            let before = underWay[row.eventID]
            if let before, now - before.sentAt < settings.resendAfter.nanoseconds { continue }
            // A window full of faults that a slow centre has not answered does not hold up an entrapment.
            if left <= 0, row.lane != .entrapment { break }
            let attempts = (before?.attempts ?? 0) + 1
            let isHistorical = row.id > 0 ? try journal.isOver(row.eventID) : false
            let body = envelope(row, attempt: attempts, isHistorical: isHistorical)
            _ = try client.publish(body, to: settings.topic("alert/\(row.lane)"))
            underWay[row.eventID] = UnderWay(sentAt: now, attempts: attempts)
            board.update {
                $0.sent += 1
                if attempts > 1 { $0.resent += 1 }
            }
            left -= 1
        }
    }

    /// - Parameter isNeeded: while a disk fails its journal may not even be readable; what is in memory does not wait for it.
    private func outboxRows(isNeeded: Bool) throws(JournalError) -> [Journal.OutboxRow] {
        do throws(JournalError) {
            return try journal.outbox(limit: settings.window * 2 + underWay.count)
        } catch {
            if isNeeded { throw error }
            return []
        }
    }

    /// Adds what belongs to this sending to the event's stable JSON.
    private func envelope(_ row: Journal.OutboxRow, attempt: Int, isHistorical: Bool) -> [UInt8] {
        var json = JSONWriter()
        json.object {
            $0.put("senttime", clock().rfc3339)
            $0.put("attempt", attempt)
            $0.put("bootid", settings.bootID)
            // Of its lift and lane: the receiver orders by it, and sees what is missing.
            if row.number > 0 { $0.put("sequence", Int(row.number)) }
            if isHistorical { $0.put("historical", true) }
        }
        return row.body.dropLast() + [UInt8(ascii: ",")] + json.bytes.dropFirst()
    }

    private func sendState(_ now: Int64) throws {
        let state = board.siteState
        if let last = lastState {
            let age = Duration.nanoseconds(now - last.at)
            guard age >= settings.stateRenewal || (state != last.state && age >= settings.stateEvery) else { return }
        }
        guard let client else { return }
        _ = try client.publish(state.json(site: settings.site, at: clock()), to: settings.topic("state"), retain: true)
        lastState = (state, now)
    }

    private func settleReceipts() throws {
        guard !receipts.isEmpty else { return }
        let all = receipts
        receipts.removeAll()
        let taken = board.settleHeld(all)
        for id in all { underWay[id] = taken.contains(id) ? underWay[id] : nil }
        if taken.isEmpty { return }
        let settled = try journal.receipt(taken, counting: "receipts")
        // A receipt for what was sent twice comes twice; for what was never sent, somebody is mistaken.
        let strange = taken.filter { underWay[$0] == nil }
        if settled == 0, let first = strange.first {
            log.warning(
                "centre: a receipt for '\(first)', which is not owed; expected the \"id\" of an event as it was sent")
        }
        for id in taken { underWay[id] = nil }
        let now = MonotonicClock.nanoseconds
        board.update {
            $0.receipts += settled
            $0.unmatchedReceipts += taken.count - settled
            if settled > 0 { $0.lastReceipt = now }
        }
    }

    // MARK: What the client hears

    public func connected(sessionPresent: Bool) {
        backoff.connected(at: MonotonicClock.nanoseconds)
        do throws(MQTTError) {
            _ = try client?.subscribe(settings.topic("receipt"))
            _ = try client?.publish(Array("{\"online\":true}".utf8), to: settings.topic("link"), retain: true)
        } catch { lost = true }
    }

    public func subscribed(_ mid: Int32, accepted: Bool) {
        guard accepted else {
            log.error(
                "centre: the broker does not let us read \(settings.topic("receipt")); its access list is to blame")
            lost = true
            return
        }
        isReady = true
        log.info("centre: connected to \(settings.client.url)")
        board.update { $0.isConnected = true }
    }

    public func refused(_ reason: String) {
        log.warning("centre: \(settings.client.url) refuses us: \(reason)")
        lost = true
    }

    public func disconnected(_ reason: String) { lost = true }
    public func published(_ mid: Int32) {}

    public func received(topic: Span<UInt8>, payload: Span<UInt8>, qos: Int, isRetained: Bool, mid: Int) {
        let ids = Receipt.ids(in: payload)
        receipts += ids
        guard ids.isEmpty else { return }
        board.update { $0.unmatchedReceipts += 1 }
        log.warning("centre: a receipt that cannot be read; expected {\"id\": \"…\"} or {\"ids\": […]}")
    }
}

/// Reads the centre's receipts.
enum Receipt {
    private static let fields: JSONFieldSet = [JSONField(key: "id"), JSONField(key: "ids")]

    /// The event ids of a receipt; none where it is not one.
    static func ids(in payload: Span<UInt8>) -> [String] {
        var tokens = [JSONToken](repeating: JSONToken(), count: 2)
        var scanner = JSONScanner(payload)
        guard (try? scanner.scan(fields, into: &tokens)) != nil else { return [] }
        var ids: [String] = []
        if tokens[0].kind == .string { ids.append(scanner.unescaped(tokens[0])) }
        if tokens[1].kind == .array {
            var items: [JSONToken] = []
            scanner.position = tokens[1].start
            scanner.forEachScalar(until: tokens[1].end) { items.append($0) }
            ids += items.filter { $0.kind == .string }.map { scanner.unescaped($0) }
        }
        return ids
    }
}
