import Contract
import Journal
import LiftModel
import Logging
import RuleLanguage
import Trace

/// What the core's caller is to do.
public enum Effect {
    /// Answered by `committed` or `commitFailed`, before any other input.
    case commit(Journal.Batch)
    /// The messages read so far are durable, or deliberately not: their acknowledgements may leave.
    case acknowledge
    /// - through: the last batch that the snapshot contains.
    case storeSnapshot([UInt8], through: Int64)
    /// Removes old readings, so that the next commit has room.
    case makeRoom
    /// Removes what exceeds the quotas. Answered by `quotaEnforced`.
    case enforceQuota
    /// The routes send these from memory, as no disk has them.
    case sendFromMemory([OutboundEvent])
    /// The routes look into their queues.
    case wakeRoutes
    case publish(SiteState)
    /// The trace, if one is recorded, has this event.
    case record(ControlEvent, at: Instant)
    /// These actions are in the journal: their files are no longer needed.
    case actionsAreDurable([String])
    /// The action's file is no longer needed: it was answered before.
    case dropAction(String)
    case refuseAction(String, because: String)
    case rulesAdopted(RuleSet)
    /// The old rules stay in force.
    case rulesRefused(String)
    case log(Logger.Level, String, [String: String])
}

/// Effects in the order in which they are to be performed.
public struct Effects {
    private var waiting: [Effect] = []
    private var next = 0

    public init() {}

    public var isEmpty: Bool { next == waiting.count }

    mutating func add(_ effect: Effect) { waiting.append(effect) }

    mutating func log(
        _ level: Logger.Level, _ message: String, _ metadata: [String: String] = [:]
    ) {
        waiting.append(.log(level, message, metadata))
    }

    /// Takes the next effect. What it holds is then the caller's alone.
    public mutating func takeNext() -> Effect? {
        guard next < waiting.count else { return nil }
        // In place of the taken one, so that no copy of a batch stays here.
        var effect = Effect.wakeRoutes
        swap(&effect, &waiting[next])
        next += 1
        if next == waiting.count {
            waiting.removeAll(keepingCapacity: true)
            next = 0
        }
        return effect
    }
}
