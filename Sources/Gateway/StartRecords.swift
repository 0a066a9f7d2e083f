import Journal
import Logging

/// The records that a start writes into the journal beside its batches. A disk that does not take
/// them does not keep the gateway from watching: they are written as soon as the disk takes them.
final class StartRecords {
    private let log: Logger
    private var missing: [(Journal) throws(JournalError) -> Void] = []

    init(log: Logger) { self.log = log }

    /// - Throws: `JournalError` for damage only.
    func write(
        _ name: String, in journal: Journal,
        _ write: @escaping (Journal) throws(JournalError) -> Void
    ) throws(JournalError) {
        do throws(JournalError) { try write(journal) } catch {
            if error.isDamage { throw error }
            if error.isFull, try isWrittenWithRoom(journal, write) { return }
            log.critical(
                "\(error). \(name.prefix(1).uppercased() + name.dropFirst()) could not be stored yet."
            )
            missing.append(write)
        }
    }

    /// Writes a record after the oldest readings were removed.
    /// - Returns: whether that helped.
    /// - Throws: `JournalError` for damage only.
    private func isWrittenWithRoom(
        _ journal: Journal, _ write: (Journal) throws(JournalError) -> Void
    ) throws(JournalError) -> Bool {
        do throws(JournalError) {
            try journal.makeRoom()
            try write(journal)
            return true
        } catch {
            if error.isDamage { throw error }
            return false
        }
    }

    /// Writes the missing records.
    /// - Throws: `JournalError` for damage only.
    func catchUp(in journal: Journal) throws(JournalError) {
        while let first = missing.first {
            do throws(JournalError) { try first(journal) } catch {
                if error.isDamage { throw error }
                return
            }
            missing.removeFirst()
        }
    }
}
