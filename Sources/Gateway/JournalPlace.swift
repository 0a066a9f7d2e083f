import FoundationEssentials
import Journal
import Logging
import Mosquitto

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Opens a site's journal, whatever has become of it and of its disk: no damage and no full disk keeps the gateway from watching.
struct JournalPlace {
    struct Opened {
        /// What is written to.
        var journal: Journal
        /// What tells of the last run.
        var past: Journal
        var damage: Journal.Damage?
        /// The disk takes no file: `journal` stands in a folder in memory, keeps nothing, and is forgotten when the disk is well.
        var failure: JournalError?
        /// See `JournalIdentity`.
        var identity = ""
    }

    let path: String
    private let folder: String
    private let standIn: String
    /// There was a journal here.
    private var hasRunBefore: Bool
    private var identity: JournalIdentity
    private let log: Logger

    init(_ configuration: Configuration, hasRunBefore: Bool, log: Logger) {
        folder = configuration.stateFolder
        path = folder + "/journal.db"
        identity = JournalIdentity(besideJournal: path)
        standIn = configuration.runtimeFolder + "/journal-in-memory.db"
        self.hasRunBefore = hasRunBefore
        self.log = log
    }

    /// - Throws: `JournalError` for what no start mends: another product's file, a newer format, a folder of another user.
    mutating func open() throws(JournalError) -> Opened {
        defer { hasRunBefore = true }
        var opened = try openSomewhere()
        let (text, isKept) = identity.take(for: opened.failure == nil ? opened.journal : nil)
        opened.identity = text
        if !isKept, opened.failure == nil {
            log.error("\(path).identity cannot be written: the next start will name its alerts after another journal")
        }
        return opened
    }

    private func openSomewhere() throws(JournalError) -> Opened {
        let ballast = Ballast(in: folder)
        var opened: Opened
        do throws(JournalError) { opened = try openHere() } catch {
            guard error.isOfDisk else { throw error }
            if error.isUnreadable, Files.takes(folder) {
                // The disk is well, and this file cannot be read: it is set aside like any that is damaged.
                Journal.markDamaged(path)
            } else if ballast.drop() {
                log.critical("\(error). What was kept free for this is given away.")
            }
            guard let found = try? openHere() else { return try standIn(for: error) }
            opened = found
        }
        ballast.load()
        if let damage = opened.damage {
            log.critical(
                "the journal was damaged (\(damage.reason)). It stands in \(damage.file); saved of it: \(damage.saved.batches) batches, \(damage.saved.alerts) alerts, \(damage.saved.owed) events owed"
            )
        }
        return opened
    }

    private func openHere() throws(JournalError) -> Opened {
        let now = GatewayClock(notBefore: nil).now
        var (journal, damage) = try Journal.openOrReplace(path, now: now)
        guard try journal.lastTime() == nil else { return Opened(journal: journal, past: journal, damage: damage) }
        if hasRunBefore, damage == nil {
            damage = try? Journal.Damage(lost: path, "it is gone, or empty", goingOnWith: journal, at: now)
        }
        // A new journal begins with an empty batch: every lift is followed from then on, in the first life and in each fold.
        do throws(JournalError) { try journal.commit(Journal.Batch(now: now)) } catch {
            if error.isDamage { throw error }
            log.critical("\(error). The beginning could not be noted; going on without.")
        }
        return Opened(journal: journal, past: journal, damage: damage)
    }

    /// A journal in memory that takes nothing: alerts go out from memory, and lifts are watched.
    private func standIn(for error: JournalError) throws(JournalError) -> Opened {
        log.critical("\(error). The disk takes no file: watching without it, alerts go out from memory.")
        for suffix in ["", "-wal", "-shm"] { unlink(standIn + suffix) }
        let journal = try Journal(standIn)
        journal.refusal = error
        return Opened(journal: journal, past: (try? Journal(path, readOnly: true)) ?? journal, failure: error)
    }
}
