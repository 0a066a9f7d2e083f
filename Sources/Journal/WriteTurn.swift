import Platform
import Synchronization

/// A fair lock for the writers of one journal among this process's threads: first come, first
/// served.
///
/// SQLite lets one connection write at a time. The others sleep and try again, up to 25 ms late,
/// which is long for an alert. Here they wait in line, each with its own time limit. Other
/// processes (`hoistway journal refused --send-again`) still wait by SQLite's way.
final class WriteTurn: Sendable {
    private static let turns = Mutex<[String: WriteTurn]>([:])

    private struct Line {
        /// A writer has its turn.
        var isTaken = false
        /// The first one gets the next turn.
        var waiting: [WakeUp] = []
    }
    private let line = Mutex(Line())
    /// A writer looks by itself, too: without a free descriptor nothing can wake it.
    private static let longestSleep = Duration.milliseconds(100)

    private init() {}

    static func of(_ path: String) -> WriteTurn {
        turns.withLock { turns in
            if let turn = turns[path] { return turn }
            let turn = WriteTurn()
            turns[path] = turn
            return turn
        }
    }

    /// - Parameter limit: the longest wait in line; nil: without a limit.
    /// - Returns: false where the wait was longer, and `body` was not called.
    func take(within limit: Duration?, _ body: () -> Void) -> Bool {
        let isFree = line.withLock { line in
            defer { line.isTaken = true }
            return !line.isTaken
        }
        guard isFree || waitInLine(until: limit.map { ContinuousClock.now + $0 }) else {
            return false
        }
        body()
        passOn()
        return true
    }

    /// The next writer has the turn now; it is taken as long as there is one.
    private func passOn() {
        line.withLock { line in
            line.isTaken = !line.waiting.isEmpty
            if line.isTaken { line.waiting.removeFirst().signal() }
        }
    }

    private func waitInLine(until deadline: ContinuousClock.Instant?) -> Bool {
        let own = WakeUp()
        let isFree = line.withLock { line in
            defer { line.isTaken = true }
            if line.isTaken { line.waiting.append(own) }
            return !line.isTaken
        }
        if isFree { return true }
        while true {
            let left = deadline.map { ContinuousClock.now.duration(to: $0) }
            _ = Poll.wait(
                [own.descriptor], for: min(left ?? Self.longestSleep, Self.longestSleep))
            let isLate = deadline.map { $0 <= ContinuousClock.now } ?? false
            let isWaiting = line.withLock { line in
                let index = line.waiting.firstIndex { $0 === own }
                if let index, isLate { line.waiting.remove(at: index) }
                return index != nil
            }
            if !isWaiting { return true }
            if isLate { return false }
        }
    }
}
