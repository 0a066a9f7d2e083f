import LiftModel
import Synchronization

/// A centre command that could not be read, and why. Its ids, where they can be read, identify it
/// in the answer.
public struct RefusedCommand: Sendable, Equatable {
    public var commandID: String?
    public var alertID: String?
    public var problem: String
    /// How many commands before this one got no answer.
    public var unanswered = 0

    package init(commandID: String? = nil, alertID: String? = nil, _ problem: String) {
        (self.commandID, self.alertID, self.problem) = (commandID, alertID, problem)
    }
}

/// The centre commands that could not be read, until the loop answers them.
///
/// Each answer is an event in the journal, and a centre that sends junk must not fill the disk. So
/// 20 commands of a centre are answered at once, and then one a minute; the next answer says how
/// many got none. In memory only: a command that could not be read has no effect.
package final class RefusedCommands: Sendable {
    private struct Allowance {
        var tokens = RefusedCommands.most
        var refilled: MonotonicTime = .boot
        var unanswered = 0
        var waiting: [RefusedCommand] = []
    }
    static let most = 20.0
    private static let refillEvery = Duration.seconds(60)
    private let centres = Mutex<[String: Allowance]>([:])

    package init() {}

    package func add(_ command: RefusedCommand, of centre: String, now: MonotonicTime) {
        centres.withLock { centres in
            var allowance = centres[centre] ?? Allowance(refilled: now)
            let passed = now - allowance.refilled
            let refill = Double(passed.nanoseconds) / Double(Self.refillEvery.nanoseconds)
            allowance.tokens = min(Self.most, allowance.tokens + max(0, refill))
            allowance.refilled = now
            if allowance.tokens >= 1 {
                allowance.tokens -= 1
                var command = command
                command.unanswered = allowance.unanswered
                allowance.unanswered = 0
                allowance.waiting.append(command)
            } else {
                allowance.unanswered += 1
            }
            centres[centre] = allowance
        }
    }

    /// The commands to answer; each is returned once.
    package func take() -> [(centre: String, command: RefusedCommand)] {
        centres.withLock { centres in
            var taken: [(centre: String, command: RefusedCommand)] = []
            for centre in centres.keys.sorted() {
                taken += (centres[centre]?.waiting ?? []).map { (centre, $0) }
                centres[centre]?.waiting = []
            }
            return taken
        }
    }
}
