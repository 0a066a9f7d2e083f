import Elevator

/// What a lift's adapter says: the panel at that moment. It becomes text when it arrives.
struct Word {
    enum Matter {
        case state
        case event(FaultCode, isActive: Bool)
        /// The birth message, or the last will that its broker publishes.
        case online(Bool)
        /// A piece of `Rubbish`, on the state's topic.
        case rubbish(Int)
    }
    /// Seconds since the run's start.
    var time: Double
    /// On whose topic, and in whose name: numbers of the building's lifts, alike but for a liar's.
    var lift: Int
    var speaker: Int
    var matter: Matter
    var panel: Panel
    /// Words with the same edition show the same panel.
    var edition: Int
    var sequence: Int
    /// Milliseconds since 1970, as the device's clock has them.
    var clock: Int64

    /// The lift says so itself, and it can be read.
    var isHonest: Bool { if case .rubbish = matter { false } else { lift == speaker } }

    var channel: Dialect.Channel {
        switch matter {
        case .state: .state
        case .event: .event
        case .online: .online
        case .rubbish: .state
        }
    }
}
