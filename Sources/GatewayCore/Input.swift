import Contract
import Journal
import LiftModel
import Monitoring
import RuleLanguage

/// One moment by the two clocks that the core counts with.
public struct Moment: Sendable, Equatable {
    /// On the gateway's time line.
    public var time: Instant
    public var monotonic: MonotonicTime

    public init(time: Instant, monotonic: MonotonicTime) {
        self.time = time
        self.monotonic = monotonic
    }
}

/// A message of the building's broker, borrowed from the library that has read it.
public struct IncomingMessage: ~Escapable {
    public let topic: Span<UInt8>
    public let payload: Span<UInt8>
    public let qos: Int
    public let isRetained: Bool
    /// The packet id, by which a redelivery is recognised.
    public let mid: Int

    @_lifetime(copy topic, copy payload)
    public init(
        topic: Span<UInt8>, payload: Span<UInt8>, qos: Int, isRetained: Bool, mid: Int
    ) {
        self.topic = topic
        self.payload = payload
        self.qos = qos
        self.isRetained = isRetained
        self.mid = mid
    }
}

/// What the core receives, one at a time.
public enum Input: ~Escapable {
    case message(IncomingMessage)
    case broker(BrokerEvent)
    /// Time has passed: after each round of reading, and `longestWait` after the last input.
    case time
    /// The outcome of a storage effect.
    case storage(StorageOutcome)
    case action(SubmittedAction)
    /// All actions of this turn were passed; one commit takes them.
    case endOfActions
    /// A centre command that could not be read.
    case refusedCommand(RefusedCommand, centre: String)
    /// A further event for the centres.
    case event(OutboundEvent)
    /// An alert of the self-test's virtual lift.
    case selfTestAlert(Alert)
    /// - failure: why it failed; nil where it passed.
    case selfTestEnded(failure: String?, started: Instant)
    /// Changed rules. Answered by `rulesAdopted` or `rulesRefused`.
    case rules(RuleSet)
    /// Makes durable what waits, without delay.
    case commitNow
    /// The gateway ends: everything that waits becomes durable.
    case end
}

/// What happened to the connection to the building's broker.
public enum BrokerEvent: Sendable {
    /// - isPresent: the broker has kept the session, and sends unacknowledged messages again.
    case sessionStarted(isPresent: Bool)
    case subscribed
    /// No message waits unread, and the broker has credit that it does not use.
    case socketEmpty
    /// - queuesWhileAway: whether the broker keeps messages while the gateway is away; nil until it
    ///   has answered.
    case answers(queuesWhileAway: Bool?, isClientIDTaken: Bool)
    /// - isGiantPacket: the broker had sent a packet that is too large for the memory limit.
    case lost(isGiantPacket: Bool)
}

/// What became of a storage effect.
public enum StorageOutcome: Sendable {
    case committed(sequence: Int64)
    case commitFailed(JournalError)
    case snapshotStored
    /// - isUnfinished: more is to be removed after the next commit.
    case quotaEnforced(isUnfinished: Bool)
    /// The journal's file is damaged.
    case damageFound(JournalError)
}

/// An operator action or a centre command, durable in the inbox until a commit has taken it.
public struct SubmittedAction: Sendable {
    /// A centre that expects an answer, and its id of the command.
    public struct Origin: Sendable, Equatable {
        public var centre: String
        public var commandID: String?
        public init(centre: String, commandID: String?) {
            self.centre = centre
            self.commandID = commandID
        }
    }

    /// The name in the inbox.
    public var name: String
    /// With the times as the person gave them.
    public var action: OperatorAction
    /// nil for a command on this box.
    public var origin: Origin?
    /// Whether the journal has answered this command before.
    public var status = Journal.CommandStatus.unanswered
    /// The gateway's time line minus the wall clock, by which a person gives times.
    public var leadOverWallClock = Duration.zero
    /// The action for the log, with the times of this box's zone.
    public var text = ""

    public init(name: String, action: OperatorAction, origin: Origin?) {
        self.name = name
        self.action = action
        self.origin = origin
    }

    /// What identifies a repetition of the command; nil for a command without an id.
    public var answeredCommand: AnsweredCommand? {
        origin.flatMap { origin in
            origin.commandID.map {
                AnsweredCommand(centre: origin.centre, id: $0, content: action.line)
            }
        }
    }
}
