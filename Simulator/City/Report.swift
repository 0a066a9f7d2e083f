import LiftModel

/// One report of a lift's adapter: the lift's state at that moment. It is encoded when it arrives.
struct Report {
    enum Kind {
        case state
        case event(FaultCode, isActive: Bool)
        /// The birth message, or the last will that its broker publishes.
        case online(Bool)
        /// An entry of `Rubbish.pieces`, on the state's topic.
        case rubbish(Int)
    }
    /// Seconds since the run's start.
    var time: Double
    /// The lift on whose topic, and the lift in whose name. They differ only for a liar.
    var lift: Int
    var sender: Int
    var kind: Kind
    var panel: Panel
    /// Reports with the same edition have the same panel.
    var edition: Int
    var sequence: Int
    /// Milliseconds since 1970 by the device's clock.
    var clock: Int64

    /// The lift itself sent it, and it can be read.
    var isGenuine: Bool { if case .rubbish = kind { false } else { lift == sender } }

    var channel: Dialect.Channel {
        switch kind {
        case .state: .state
        case .event: .event
        case .online: .online
        case .rubbish: .state
        }
    }
}
