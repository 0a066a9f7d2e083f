// The routes to the centres.
//
// This module guarantees that an event leaves its queue only by its centre's receipt, that no
// centre delays another one or the loop, and that an entrapment waits for nothing less urgent. Each
// route runs on a thread of its own with its own connection and its own handle of the journal; it
// shares nothing with the loop but `DeliveryState`. DeliveryCore decides what is sent and when; the
// routes here send it and report what happens.

import Contract
import DeliveryCore
import Journal
import LiftModel
import Logging
import Platform

/// A route's settings of its site and its centre, whatever its transport.
public struct RouteSettings: Sendable {
    public var site: AlertEvent.Site
    public var centre: String
    /// The lanes whose events the centre receives.
    public var lanes: Set<Lane>
    /// The index of this route among the centre's routes, from 0.
    public var routeIndex: Int
    public var fallbackAfter: [Lane: Duration]
    /// Events of the backlog a second.
    public var backlogRate: Double
    public var journalPath: String
    /// nil where alerts are not signed.
    public var signer: Signer?
    /// nil where the centre need not sign its commands.
    public var commandKey: CommandKey?
    /// A hash of the present contents of the route's secrets and certificates; nil where one cannot
    /// be read.
    public var secretsHash: @Sendable () -> UInt64? = { 0 }

    public init(
        site: AlertEvent.Site, centre: String, lanes: Set<Lane>, routeIndex: Int,
        fallbackAfter: [Lane: Duration],
        backlogRate: Double, journalPath: String, signer: Signer?, commandKey: CommandKey?
    ) {
        self.site = site
        self.centre = centre
        self.lanes = lanes
        self.routeIndex = routeIndex
        self.fallbackAfter = fallbackAfter
        self.backlogRate = backlogRate
        self.journalPath = journalPath
        self.signer = signer
        self.commandKey = commandKey
    }

    /// The present requirements for the centre's commands.
    var commandRequirements: CommandRequirements {
        CommandRequirements(
            key: commandKey, site: site.id,
            now: MonotonicClock.isWallSynchronised
                ? Instant(nanoseconds: MonotonicClock.wallNanoseconds) : nil)
    }

    var dispatch: Dispatch.Settings {
        Dispatch.Settings(
            centre: centre, routeIndex: routeIndex, fallbackAfter: fallbackAfter,
            backlogRate: backlogRate)
    }
}

/// The parts of the gateway that a route's thread uses.
public struct RouteContext: Sendable {
    public var delivery: DeliveryState
    /// The route's index in `delivery`.
    public var index: Int
    public var log: Logger
    /// The present time on the gateway's time line.
    public var clock: @Sendable () -> Instant
    /// The present calendar time.
    public var calendar: @Sendable () -> Instant
    public var isStopping: @Sendable () -> Bool
    /// Makes a centre command durable and hands it to the loop; false when it could not be written,
    /// and the centre must send it again.
    public var storeCommand: @Sendable (CentreCommand) -> Bool

    public init(
        delivery: DeliveryState, index: Int, log: Logger, clock: @escaping @Sendable () -> Instant,
        calendar: @escaping @Sendable () -> Instant,
        isStopping: @escaping @Sendable () -> Bool,
        storeCommand: @escaping @Sendable (CentreCommand) -> Bool
    ) {
        self.delivery = delivery
        self.index = index
        self.log = log
        self.clock = clock
        self.calendar = calendar
        self.isStopping = isStopping
        self.storeCommand = storeCommand
    }

    var wakeUp: WakeUp { delivery.wakeUp(of: index) }
    func update(_ change: (inout DeliveryState.RouteStatus) -> Void) {
        delivery.update(index, change)
    }

    /// Logs a failure of the journal as such: its disk is the cause, and no centre.
    /// - Parameter consequence: a sentence without its full stop.
    func logDisk(_ error: JournalError, _ consequence: String) {
        log.error("\(error). Meanwhile: \(consequence)")
    }

    /// Runs a route on a thread of its own. Tries again while the journal cannot be opened.
    func start(_ run: @escaping @Sendable () throws(JournalError) -> Void) -> LoopThread {
        LoopThread {
            while !isStopping() {
                do throws(JournalError) { try run() } catch {
                    log.critical("the route to the centre cannot open the journal: \(error)")
                    delivery.note(error)
                    _ = Poll.wait([wakeUp.descriptor], for: .seconds(1))
                }
            }
        }
    }
}
