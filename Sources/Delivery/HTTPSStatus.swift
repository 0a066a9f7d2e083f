import Connectivity
import DeliveryCore
import HTTP
import LiftModel
import Platform

/// Whether an HTTPS centre is reached, and why not: in the route's status and in the log.
struct HTTPSStatus {
    private let centre: String
    private let url: String
    private let context: RouteContext
    private var health = RouteHealth()
    private var trouble: RouteTrouble
    private var isConnected = false

    init(of centre: String, url: String, _ context: RouteContext) {
        self.centre = centre
        self.url = url
        self.context = context
        trouble = RouteTrouble(of: centre, context)
    }

    /// The server has answered, with any status.
    func serverAnswered(_ response: HTTPClient.Response) {
        trouble.serverAnswered()
        guard let time = response.headers["date"].flatMap({ HTTPDate.time($0) }) else { return }
        let lead = time - Instant(nanoseconds: MonotonicClock.now.nanoseconds)
        context.update { $0.serverClockLead = lead }
    }

    /// Reports a remark on a 2xx, which is a receipt all the same. A response without a remark ends
    /// the former one.
    mutating func note(_ remark: String?, hasEvents: Bool) {
        if health.note(remark, hasEvents: hasEvents), let remark {
            context.log.error("\(centre): \(remark)")
        }
        context.update {
            $0.problems = health.problems
            $0.receiptDoubt = health.remarkOnEvents
        }
    }

    /// The centre has taken a request.
    /// - Parameter idle: see `RouteHealth.succeeded`.
    /// - Returns: whether the centre is reached now, and was not before.
    mutating func succeeded(_ slot: RouteHealth.Slot, hasEvents: Bool, idle: Set<RouteHealth.Slot>)
        -> Bool
    {
        guard health.succeeded(slot, hasEvents: hasEvents, idle: idle) else { return false }
        trouble.reached()
        let isNew = !isConnected
        if isNew { context.log.info("\(centre): reached over \(masked(url: url))") }
        isConnected = true
        context.update { $0.isConnected = true }
        return isNew
    }

    /// The centre has not taken a request.
    /// - Parameters:
    ///   - isAnswered: the server has answered.
    ///   - reason: a sentence without its full stop.
    mutating func failed(
        _ slot: RouteHealth.Slot, hasEvents: Bool, isAnswered: Bool, _ reason: String,
        nextIn pause: Duration,
        at now: MonotonicTime
    ) {
        trouble.log(reason + ".", nextIn: pause, at: now)
        // A centre that refuses the site's state may accept alerts.
        if slot == .state, isAnswered {
            if !isConnected, !health.hasFailingEvents { context.update { $0.lastError = reason } }
            return
        }
        health.failed(slot, hasEvents: hasEvents)
        lost(because: reason)
    }

    /// The centre is not reached.
    mutating func lost(because reason: String) {
        isConnected = false
        context.update {
            $0.isConnected = false
            $0.connectFailures += 1
            $0.lastError = trouble.cause(or: reason)
        }
    }

    /// Looks for the cause of a request without an answer.
    func diagnose(_ probe: ServerProbe) { trouble.diagnose(probe) }

    /// Logs the cause of a failure, once it is found.
    mutating func noteDiagnosis() {
        guard let cause = trouble.takeNewCause(), !isConnected else { return }
        context.update { $0.lastError = cause }
    }
}
