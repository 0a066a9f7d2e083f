import Journal
import Logging

/// What a start writes into the journal beside its batches. A disk that does not take it is no reason not to watch: it is written as
/// soon as the disk takes it.
final class StartNotes {
    private let log: Logger
    private var missing: [(Journal) throws(JournalError) -> Void] = []

    init(log: Logger) { self.log = log }

    /// - Throws: `JournalError` for damage only.
    func write(
        _ what: String, in journal: Journal, _ write: @escaping (Journal) throws(JournalError) -> Void
    ) throws(JournalError) {
        do throws(JournalError) { try write(journal) } catch {
            if error.isDamage { throw error }
            if error.isFull, (try? journal.makeRoom()) != nil, (try? write(journal)) != nil { return }
            log.critical("\(error). \(what.prefix(1).uppercased() + what.dropFirst()) could not be noted yet.")
            missing.append(write)
        }
    }

    /// Writes what is missing.
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
