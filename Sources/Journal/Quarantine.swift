import CSQLite
import Elevator

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

extension JournalError {
    /// The file itself is at fault, not the disk's room or its moment.
    public var isDamage: Bool { [SQLITE_CORRUPT, SQLITE_NOTADB].contains(code & 0xFF) }
    /// What stands in the file does not fit: neither the disk's room, nor its moment, nor another process.
    var isOfContent: Bool {
        ![SQLITE_FULL, SQLITE_IOERR, SQLITE_BUSY, SQLITE_LOCKED, SQLITE_CANTOPEN, SQLITE_NOMEM, SQLITE_READONLY]
            .contains(
                code & 0xFF)
    }
    /// A table or a column is not there.
    var isOfSchema: Bool { code & 0xFF == SQLITE_ERROR }
    /// The disk could not be read or written, whatever it says of its room.
    public var isOfDisk: Bool {
        [SQLITE_FULL, SQLITE_IOERR, SQLITE_CANTOPEN, SQLITE_READONLY].contains(code & 0xFF)
    }
    /// What stands in the file cannot be read from the disk.
    public var isUnreadable: Bool { code & 0xFF == SQLITE_IOERR }
    /// The disk, or what the journal may use of it, is full.
    public var isFull: Bool { code & 0xFF == SQLITE_FULL }
}

extension Journal {
    /// What had to be done to open a journal.
    public struct Damage: Sendable {
        /// Where the damaged file now is.
        public var file: String
        public var reason: String
        public var saved: Salvage

        init(file: String, reason: String, saved: Salvage) {
            self.file = file
            self.reason = reason
            self.saved = saved
        }

        /// Of a journal of which nothing is left; what was numbered is not known, and `journal` goes on far above.
        /// - Throws: `JournalError` when that cannot be noted.
        public init(lost file: String, _ reason: String, goingOnWith journal: Journal, at now: Instant)
            throws(JournalError)
        {
            self.init(file: file, reason: reason, saved: Salvage())
            try journal.skipNumbers(wall: now.nanoseconds)
        }
    }

    /// Readings saved while somebody waits for the gateway to start, a matter of seconds; `hoistway journal salvage` saves the rest.
    private static let readingsSavedAtStart = 64 << 20

    /// Beside the journal: the next start is to set it aside, since it turned out to be damaged while it was in use.
    private static func mark(_ path: String) -> String { path + ".is-damaged" }

    /// Remembers that a journal is damaged, for the next `openOrReplace`.
    public static func markDamaged(_ path: String) { close(open(mark(path), O_CREAT | O_WRONLY | O_CLOEXEC, 0o640)) }

    /// Opens a journal. One that is damaged is set aside and replaced by what could be saved of it: nothing is deleted, and no
    /// damage keeps the gateway from watching.
    ///
    /// The new file is complete before the damaged one is moved, so a power cut at any moment leaves one or the other.
    /// - Throws: `JournalError` for what is no damage: another product's file, a newer format, a folder that cannot be written.
    public static func openOrReplace(
        _ path: String, now: Instant
    ) throws(JournalError) -> (journal: Journal, damage: Damage?) {
        let (fresh, marked) = (path + ".new", access(mark(path), F_OK) == 0)
        if access(path, F_OK) != 0, access(fresh, F_OK) == 0 {
            for suffix in ["-wal", ""] where access(fresh + suffix, F_OK) == 0 { rename(fresh + suffix, path + suffix) }
        }
        var reason = "was found damaged while in use"
        if !marked {
            do throws(JournalError) { return (try Journal(path), nil) } catch {
                guard error.isDamage || error.isOfSchema else { throw error }
                reason = error.message
            }
        }
        for suffix in ["", "-wal", "-shm"] { unlink(fresh + suffix) }
        var saved = Salvage()
        do throws(JournalError) { saved = try salvage(path, into: fresh, readings: readingsSavedAtStart) } catch {
            guard error.isFull else { throw error }
            // No room for what could be saved: it stands in the damaged file, for `hoistway journal salvage` on a bigger disk.
            reason += "; the disk has no room to save anything of it"
            saved.gaps += 1
            for suffix in ["", "-wal", "-shm"] { unlink(fresh + suffix) }
            try Journal(fresh).skipNumbers(wall: now.nanoseconds)
        }
        let aside = path + ".damaged-" + now.rfc3339.filter { $0.isNumber || $0 == "T" }
        for suffix in ["-wal", "-shm", ""] where access(path + suffix, F_OK) == 0 {
            guard rename(path + suffix, aside + suffix) == 0 else {
                throw JournalError(
                    path: path, doing: "setting the damaged file aside", code: 0,
                    message: String(cString: strerror(errno)))
            }
        }
        // Closing folds the log into the file; on a full disk it may have stayed beside it.
        for suffix in ["-wal", ""] where access(fresh + suffix, F_OK) == 0 { rename(fresh + suffix, path + suffix) }
        unlink(mark(path))
        syncFolder(of: path)
        return (try Journal(path), Damage(file: aside, reason: reason, saved: saved))
    }

    /// Makes renamings durable.
    private static func syncFolder(of path: String) {
        let slash = path.lastIndex(of: "/") ?? path.startIndex
        let folder = open(slash == path.startIndex ? "." : String(path[..<slash]), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { return }
        fsync(folder)
        close(folder)
    }
}
