/// What the evaluation of one lift depends on besides the lift: which time the gateway observes.
/// All times in nanoseconds on the gateway's time line.
struct GatewayTime {
    /// The gateway receives messages, and has read the backlog after a connect: timers run.
    var isObserving: Bool
    /// Messages wait unread behind a stall of the gateway, so no timer runs ahead of them.
    var isBehind: Bool
    /// When the last gap in observation began, or the start.
    var deafSince: Int64
    /// Timers have run up to here.
    var horizon: Int64
    /// A reading that is late by up to this much is put in its place.
    var lateness: Int64
}

extension Detector {
    var gatewayTime: GatewayTime {
        GatewayTime(
            isObserving: isObserving, isBehind: isBehind, deafSince: deafSince, horizon: horizon,
            lateness: lateness)
    }
}
