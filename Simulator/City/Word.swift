import Elevator

/// What a lift's adapter says: the panel at that moment. It becomes text when it arrives.
struct Word {
    enum Matter {
        case state
        case event(FaultCode, isActive: Bool)
        /// The birth message, or the last will that its broker publishes.
        case online(Bool)
    }
    /// Seconds since the run's start.
    var time: Double
    /// Of the building.
    var lift: Int
    var matter: Matter
    var panel: Panel
    /// Words with the same edition show the same panel.
    var edition: Int
    var sequence: Int
    /// Milliseconds since 1970, as the device's clock has them.
    var clock: Int64

    var channel: Dialect.Channel {
        switch matter {
        case .state: .state
        case .event: .event
        case .online: .online
        }
    }
}
