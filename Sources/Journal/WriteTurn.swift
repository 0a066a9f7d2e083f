import Synchronization

/// Whose turn it is to write to a journal, among this process's threads.
///
/// SQLite lets one connection write at a time and has the others sleep and look again, up to 25 ms late: for an alert that is
/// long. Here they wait in line. Other processes (`hoistway journal refused --send-again`) still wait as SQLite has them.
final class WriteTurn: Sendable {
    private static let turns = Mutex<[String: WriteTurn]>([:])
    private let line = Mutex(())

    private init() {}

    static func of(_ path: String) -> WriteTurn {
        turns.withLock { turns in
            if let known = turns[path] { return known }
            let turn = WriteTurn()
            turns[path] = turn
            return turn
        }
    }

    func take(_ body: () -> Void) { line.withLock { _ in body() } }
}
