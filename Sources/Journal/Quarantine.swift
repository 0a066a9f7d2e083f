import CSQLite
import LiftModel

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

extension JournalError {
    /// The file itself is damaged. The cause is neither a full nor a failing disk.
    public var isDamage: Bool { [SQLITE_CORRUPT, SQLITE_NOTADB].contains(code & 0xFF) }
    /// The file's content is wrong. The cause is neither the disk, nor memory, nor another process.
    var isOfContent: Bool {
        ![
            SQLITE_FULL, SQLITE_IOERR, SQLITE_BUSY, SQLITE_LOCKED, SQLITE_CANTOPEN, SQLITE_NOMEM,
            SQLITE_READONLY,
        ]
        .contains(
            code & 0xFF)
    }
    /// A table or a column is not there.
    var isOfSchema: Bool { code & 0xFF == SQLITE_ERROR }
    /// The disk could not be read or written, or is full.
    public var isOfDisk: Bool {
        [SQLITE_FULL, SQLITE_IOERR, SQLITE_CANTOPEN, SQLITE_READONLY].contains(code & 0xFF)
    }
    /// The file cannot be read from the disk.
    public var isUnreadable: Bool { code & 0xFF == SQLITE_IOERR }
    /// The disk, or the journal's share of it, is full.
    public var isFull: Bool { code & 0xFF == SQLITE_FULL }
}

extension Journal {
    /// A damaged journal, and what replaced it.
    public struct Damage: Sendable {
        /// The present path of the damaged file.
        public var file: String
        public var reason: String
        public var saved: Salvage

        init(file: String, reason: String, saved: Salvage) {
            self.file = file
            self.reason = reason
            self.saved = saved
        }

        /// Of a journal that is lost as a whole. Its sequence numbers are unknown, so `journal`
        /// continues far above them.
        /// - Throws: `JournalError` when that cannot be written.
        public init(
            lost file: String, _ reason: String, goingOnWith journal: Journal, at now: Instant
        )
            throws(JournalError)
        {
            self.init(file: file, reason: reason, saved: Salvage())
            try journal.skipSequenceNumbers(wall: now.nanoseconds)
        }
    }

    /// Bytes of readings that are saved at a start, which takes seconds; `hoistway journal salvage`
    /// saves the rest.
    private static let readingsSavedAtStart = 64 << 20

    /// The mark beside a journal that was found to be damaged while it was in use: the next start
    /// quarantines it.
    private static func mark(_ path: String) -> String { path + ".is-damaged" }

    /// Marks a journal as damaged, for the next `openOrReplace`.
    public static func markDamaged(_ path: String) {
        close(open(mark(path), O_CREAT | O_WRONLY | O_CLOEXEC, 0o640))
    }

    /// Opens a journal. A damaged one is quarantined and replaced by the records that could be
    /// saved: nothing is deleted, and the gateway starts in spite of the damage.
    ///
    /// The new file is complete before the damaged one is moved, so a power cut at any moment
    /// leaves one or the other.
    /// - Throws: `JournalError` for another product's file, a newer format, or a folder that cannot
    ///   be written.
    public static func openOrReplace(
        _ path: String, now: Instant
    ) throws(JournalError) -> (journal: Journal, damage: Damage?) {
        let (fresh, marked) = (path + ".new", access(mark(path), F_OK) == 0)
        if access(path, F_OK) != 0, access(fresh, F_OK) == 0 {
            for suffix in ["-wal", ""] where access(fresh + suffix, F_OK) == 0 {
                rename(fresh + suffix, path + suffix)
            }
        }
        var reason = "an error showed while it was in use"
        if !marked {
            do throws(JournalError) { return (try Journal(path), nil) } catch {
                guard error.isDamage || error.isOfSchema else { throw error }
                reason = error.message
            }
        }
        for suffix in ["", "-wal", "-shm"] { unlink(fresh + suffix) }
        var saved = Salvage()
        do throws(JournalError) {
            saved = try salvage(path, into: fresh, readings: readingsSavedAtStart)
        } catch {
            guard error.isFull else { throw error }
            // The records stay in the damaged file, for `hoistway journal salvage` on a bigger
            // disk.
            reason += "; the disk has no room to save anything of it"
            saved.gaps += 1
            for suffix in ["", "-wal", "-shm"] { unlink(fresh + suffix) }
            try Journal(fresh).skipSequenceNumbers(wall: now.nanoseconds)
        }
        let aside = path + setAsideEnding + now.rfc3339.filter { $0.isNumber || $0 == "T" }
        for suffix in ["-wal", "-shm", ""] where access(path + suffix, F_OK) == 0 {
            guard rename(path + suffix, aside + suffix) == 0 else {
                throw JournalError(
                    path: path, doing: "setting the damaged file aside", code: 0,
                    message: String(cString: strerror(errno)))
            }
        }
        // Closing moves the write-ahead log into the file; on a full disk it may be left beside it.
        for suffix in ["-wal", ""] where access(fresh + suffix, F_OK) == 0 {
            rename(fresh + suffix, path + suffix)
        }
        unlink(mark(path))
        syncFolder(of: path)
        return (try Journal(path), Damage(file: aside, reason: reason, saved: saved))
    }

    /// Why `openOrReplace` would not open the journal at a path; nil where it would. No journal is
    /// replaced, and none is made of an empty file.
    public static func problemOfOpening(_ path: String) -> JournalError? {
        var facts = stat()
        // A link to nothing is a file here: opening it creates its target, where that is possible.
        guard access(mark(path), F_OK) != 0, lstat(path, &facts) == 0, facts.st_size > 0 else {
            return nil
        }
        do throws(JournalError) {
            _ = try Journal(path).lastTime()
            return nil
        } catch { return error.isDamage || error.isOfSchema ? nil : error }
    }

    private static let setAsideEnding = ".damaged-"

    /// The time at which a file beside the journal was quarantined, from its name:
    /// `20260301T080000250`.
    /// - Returns: nil for a file of another kind.
    public static func timeOfSettingAside(_ file: String, of journal: String) -> Instant? {
        guard file.hasPrefix(journal + setAsideEnding) else { return nil }
        let digits = Array(file.dropFirst(journal.count + setAsideEnding.count))
        guard digits.count == 18 else { return nil }
        func part(_ range: Range<Int>) -> String { String(digits[range]) }
        return Instant(
            rfc3339:
                "\(part(0..<4))-\(part(4..<6))-\(part(6..<11)):\(part(11..<13)):\(part(13..<15)).\(part(15..<18))Z"
        )
    }

    /// Makes the renames durable.
    private static func syncFolder(of path: String) {
        let slash = path.lastIndex(of: "/") ?? path.startIndex
        let folder = open(
            slash == path.startIndex ? "." : String(path[..<slash]),
            O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { return }
        fsync(folder)
        close(folder)
    }
}
