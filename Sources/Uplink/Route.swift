import Elevator
import Encoding
import Journal
import Logging
import Mosquitto

/// What a route knows of its site and its centre, whatever its transport.
public struct RouteSettings: Sendable {
    public var site: AlertEvent.Site
    public var centre: String
    /// The place of this route among those to its centre, from 0.
    public var step: Int
    public var fallbackAfter: [Lane: Duration]
    /// Events of the backlog a second.
    public var backlogRate: Double
    public var journalPath: String
    public var bootID: String

    public init(
        site: AlertEvent.Site, centre: String, step: Int, fallbackAfter: [Lane: Duration], backlogRate: Double,
        journalPath: String, bootID: String
    ) {
        self.site = site
        self.centre = centre
        self.step = step
        self.fallbackAfter = fallbackAfter
        self.backlogRate = backlogRate
        self.journalPath = journalPath
        self.bootID = bootID
    }

    var terms: Dispatch.Terms {
        Dispatch.Terms(centre: centre, step: step, fallbackAfter: fallbackAfter, backlogRate: backlogRate)
    }
}

/// What a route's thread works with.
public struct RouteSurroundings: Sendable {
    public var board: UplinkBoard
    /// The route's place on the board.
    public var index: Int
    public var log: Logger
    /// The gateway's time line.
    public var clock: @Sendable () -> Instant
    public var isStopping: @Sendable () -> Bool
    /// Makes a word of the centre's people durable, and hands it to the loop. False when it could not be, and has to come again.
    public var keepWord: @Sendable (CentreWord) -> Bool

    public init(
        board: UplinkBoard, index: Int, log: Logger, clock: @escaping @Sendable () -> Instant,
        isStopping: @escaping @Sendable () -> Bool, keepWord: @escaping @Sendable (CentreWord) -> Bool
    ) {
        self.board = board
        self.index = index
        self.log = log
        self.clock = clock
        self.isStopping = isStopping
        self.keepWord = keepWord
    }

    var bell: WakeUp { board.bell(index) }
    func update(_ change: (inout UplinkBoard.RouteStatus) -> Void) { board.update(index, change) }

    /// Runs a route on a thread of its own, and again should the journal not open.
    func start(_ run: @escaping @Sendable () throws(JournalError) -> Void) -> LoopThread {
        LoopThread {
            while !isStopping() {
                do throws(JournalError) { try run() } catch {
                    log.critical("the route to the centre cannot open the journal: \(error)")
                    _ = Poll.wait([bell.descriptor], for: .seconds(1))
                }
            }
        }
    }
}

/// What belongs to one sending, beside the event itself.
enum Envelope {
    /// The event as it goes out.
    static func json(
        _ sending: Dispatch.Sending, isHistorical: Bool, bootID: String, at time: Instant
    ) -> [UInt8] {
        var json = JSONWriter()
        json.object {
            $0.put("senttime", time.rfc3339)
            $0.put("attempt", sending.attempt)
            $0.put("bootid", bootID)
            // Of its lift and lane: the receiver orders by it, and sees what is missing.
            if sending.row.number > 0 { $0.put("sequence", Int(sending.row.number)) }
            if isHistorical { $0.put("historical", true) }
        }
        return sending.row.body.dropLast() + [UInt8(ascii: ",")] + json.bytes.dropFirst()
    }
}
