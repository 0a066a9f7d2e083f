import FoundationEssentials
import Journal
import Logging

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Opens a site's journal in any condition of the file and the disk: neither damage nor a full disk
/// keeps the gateway from watching.
struct JournalOpener {
    struct Opened {
        /// The journal of this run.
        var journal: Journal
        /// The journal of the last run.
        var past: Journal
        var damage: Journal.Damage?
        /// Why the disk takes no file. `journal` is then in a folder in memory, stores nothing, and
        /// is dropped when the disk is well.
        var failure: JournalError?
        /// See `JournalIdentity`.
        var identity = ""
    }

    let path: String
    private let folder: String
    private let pathInMemory: String
    /// Whether there was a journal in this folder before.
    private var hasRunBefore: Bool
    private var identity: JournalIdentity
    private let log: Logger

    init(_ configuration: Configuration, hasRunBefore: Bool, log: Logger) {
        folder = configuration.stateFolder
        path = folder + "/journal.db"
        identity = JournalIdentity(besideJournal: path)
        pathInMemory = configuration.runtimeFolder + "/journal-in-memory.db"
        self.hasRunBefore = hasRunBefore
        self.log = log
    }

    /// - Throws: `JournalError` for problems that no start can mend: another product's file, a
    ///   newer format, a folder of another user.
    mutating func open() throws(JournalError) -> Opened {
        var opened = try openOnDiskOrInMemory()
        if opened.failure == nil { hasRunBefore = true }
        let (text, isStored) = identity.take(for: opened.failure == nil ? opened.journal : nil)
        opened.identity = text
        if !isStored, opened.failure == nil {
            log.error(
                "\(path).identity cannot be written: the next start will name its alerts after another journal"
            )
        }
        return opened
    }

    private func openOnDiskOrInMemory() throws(JournalError) -> Opened {
        let ballast = Ballast(in: folder)
        var opened: Opened
        do throws(JournalError) { opened = try openOnDisk() } catch {
            guard error.isOfDisk else { throw error }
            if let problem = OwnFiles(in: folder).problem {
                // The disk and the file are in order: neither free space nor another file would
                // help.
                var cause = error
                cause.message = "\(problem.found). \(problem.remedy)"
                return try openInMemory(after: cause)
            }
            let trouble = Files.writeProblem(in: folder)
            if error.isUnreadable, trouble == nil {
                // The disk is in order, and this file cannot be read: it is set aside like a
                // damaged one.
                Journal.markDamaged(path)
            } else if let trouble, [ENOSPC, EDQUOT].contains(trouble), ballast.drop() {
                log.critical("\(error). The reserved disk space is freed.")
            }
            let first = error
            do throws(JournalError) { opened = try openOnDisk() } catch {
                if error.description != first.description { log.error("\(error)") }
                return try openInMemory(after: first)
            }
        }
        ballast.load()
        if let damage = opened.damage { log.critical("\(Self.sentence(damage, path))") }
        return opened
    }

    /// Whether the disk takes a file again, and the files in a folder are this user's.
    static func takesFiles(_ folder: String) -> Bool {
        OwnFiles(in: folder).problem == nil && Files.writeProblem(in: folder) == nil
    }

    /// Why a run could not continue with the journal in a folder that takes files; nil where it
    /// can. A run that ends for a journal that does not open would watch the lifts anew each time.
    static func problemOfOpening(in folder: String) -> JournalError? {
        Journal.problemOfOpening(folder + "/journal.db")
    }

    private static func sentence(_ damage: Journal.Damage, _ path: String) -> String {
        if damage.file == path {
            return "the journal \(path) was lost (\(damage.reason)): a new one is created"
        }
        let saved = damage.saved
        return
            "the journal is damaged (\(damage.reason)). It was moved to \(damage.file), and a new one continues with what could be saved of it: \(saved.batches) batches of readings, \(saved.alerts) alerts, \(saved.pending) events that the centre has not stored yet"
    }

    private func openOnDisk() throws(JournalError) -> Opened {
        let now = GatewayClock(notBefore: nil).now
        let wasNeverMade = isNeverMade
        var (journal, damage) = try Journal.openOrReplace(path, now: now)
        guard try journal.lastTime() == nil else {
            return Opened(journal: journal, past: journal, damage: damage)
        }
        if wasNeverMade {
            log.notice("\(path) is new: at the first start the disk took no journal")
        } else if hasRunBefore, damage == nil {
            // Without it the new journal would use sequence numbers a second time.
            damage = try Journal.Damage(
                lost: path, "it is gone, or empty", goingOnWith: journal, at: now)
        }
        // A new journal starts with an empty batch: its time is the start of every lift's record,
        // in the first run and in each replay.
        do throws(JournalError) { try journal.commit(Journal.Batch(now: now)) } catch {
            if error.isDamage { throw error }
            log.critical(
                "\(error). The start of the record could not be stored; continuing without.")
        }
        return Opened(journal: journal, past: journal, damage: damage)
    }

    /// A start has left the journal's file and could not store anything in it: nothing is lost.
    /// The identity is stored with the first journal, and outlives it.
    private var isNeverMade: Bool {
        guard !FileManager.default.fileExists(atPath: path + ".identity") else { return false }
        do throws(JournalError) { _ = try Journal(path, readOnly: true) } catch {
            return error.isOfEmptyFile
        }
        return false
    }

    /// Opens a journal in memory that refuses every commit: alerts are delivered from memory, and
    /// lifts are watched.
    private func openInMemory(after error: JournalError) throws(JournalError) -> Opened {
        log.critical(
            "\(error). Nothing is stored on disk: lifts are watched without it, and alerts go out from memory, where a centre is reached."
        )
        for suffix in ["", "-wal", "-shm"] { unlink(pathInMemory + suffix) }
        let journal = try Journal(pathInMemory)
        journal.refusal = error
        return Opened(journal: journal, past: past(or: journal), failure: error)
    }

    /// The journal on disk, to read only; `other` where that is not possible.
    private func past(or other: Journal) -> Journal {
        // Before the first run there is no past.
        guard FileManager.default.fileExists(atPath: path) else { return other }
        do throws(JournalError) { return try Journal(path, readOnly: true) } catch {
            // The disk was full when the journal was to be made: there is no past either.
            if error.isOfEmptyFile { return other }
            log.critical(
                "the state of the last run cannot be read (\(error)); every lift starts anew")
            return other
        }
    }
}
