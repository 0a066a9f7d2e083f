import Elevator
import Journal
import Logging
import Mosquitto

/// What a route knows of its site and its centre, whatever its transport.
public struct RouteSettings: Sendable {
    public var site: AlertEvent.Site
    public var centre: String
    /// What the centre wants to be told of.
    public var lanes: Set<Lane>
    /// The place of this route among those to its centre, from 0.
    public var step: Int
    public var fallbackAfter: [Lane: Duration]
    /// Events of the backlog a second.
    public var backlogRate: Double
    public var journalPath: String
    /// nil where alerts are not signed.
    public var signer: Signer?

    public init(
        site: AlertEvent.Site, centre: String, lanes: Set<Lane>, step: Int, fallbackAfter: [Lane: Duration],
        backlogRate: Double,
        journalPath: String, signer: Signer?
    ) {
        self.site = site
        self.centre = centre
        self.lanes = lanes
        self.step = step
        self.fallbackAfter = fallbackAfter
        self.backlogRate = backlogRate
        self.journalPath = journalPath
        self.signer = signer
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
                    board.note(error)
                    _ = Poll.wait([bell.descriptor], for: .seconds(1))
                }
            }
        }
    }
}
