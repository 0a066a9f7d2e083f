import FoundationEssentials

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Whether the gateway's user may use the gateway's files in a folder. A journal that root has
/// copied back, or a folder that root has created anew, is a matter of rights; a link or a folder
/// in the journal's place is no file. No disk has failed then, and no space is missing.
public struct OwnFiles: Sendable {
    public struct Problem: Equatable, Sendable {
        /// The file, its owner, and the user who may not use it; a sentence without its full stop.
        public var found: String
        /// The command that mends it; a whole sentence.
        public var remedy: String
    }

    let folder: String
    /// nil for the user who runs this.
    let user: ServiceUser?

    public init(in folder: String, as user: ServiceUser? = nil) {
        self.folder = folder
        self.user = user
    }

    private static let names = [
        "journal.db", "journal.db-wal", "journal.db-shm", "journal.db.identity", "signing-key.pem",
        "lock", "orders",
    ]

    /// The first file that may not be used, or is none; nil where all existing ones are in order.
    public var problem: Problem? { problemOfRights ?? problemOfKind }

    private var problemOfRights: Problem? {
        for path in [folder] + Self.names.map({ folder + "/" + $0 }) {
            if let code = refusal(of: path) { return problem(path, code) }
        }
        return nil
    }

    /// - Parameter code: the system's error number.
    func problem(_ path: String, _ code: Int32) -> Problem {
        let name = user?.name ?? Self.name(of: geteuid())
        let group = user?.groupName ?? Self.groupName(of: getegid())
        var facts = stat()
        // Root may see every file; the gateway's user may not see a file in a folder that it may
        // not enter.
        guard stat(path, &facts) == 0 else {
            return Problem(
                found: "user '\(name)' may not enter \(folder)",
                remedy: "As root: chown -R \(name):\(group) \(folder)")
        }
        let owner = Self.name(of: facts.st_uid)
        let mode = String(facts.st_mode & 0o7777, radix: 8)
        if code == EROFS {
            return Problem(
                found: "\(path) is on a disk that is mounted read-only",
                remedy:
                    "chmod, chown and more room do not help. As root: mount shows how the disk is mounted, and dmesg whether it has failed. Replace a failed disk; otherwise mount it for writing (mount -o remount,rw)."
            )
        }
        let needed: mode_t = facts.st_mode & S_IFMT == S_IFDIR ? 0o700 : 0o600
        if code == EPERM || owner == name && facts.st_mode & needed == needed {
            return Problem(
                found:
                    "user '\(name)' may not change \(path), and its rights are not the reason (it belongs to user '\(owner)', mode \(mode))",
                remedy:
                    "chmod and chown do not help. As root: lsattr -d \(path) shows whether it has the attribute i (immutable), which chattr -i \(path) takes away; mount shows whether its disk is read-only."
            )
        }
        // Files that root has created mostly belong to root, and so do their neighbours.
        let command =
            owner == name ? "chmod -R u+rwX \(folder)" : "chown -R \(name):\(group) \(folder)"
        return Problem(
            found:
                "user '\(name)' may not read and write \(path), which belongs to user '\(owner)' (mode \(mode))",
            remedy: "As root: \(command)")
    }

    /// Why a file that exists may not be read and written by this user, as the system's error
    /// number; nil where it may. A disk that is full or fails is no matter of rights.
    private func refusal(of path: String) -> Int32? {
        func look() -> Int32? {
            if faccessat(AT_FDCWD, path, R_OK | W_OK, AT_EACCESS) == 0 { return nil }
            // EPERM: the file is immutable, whatever its mode is.
            return [EACCES, EPERM, EROFS].contains(errno) ? errno : nil
        }
        guard let user else { return look() }
        return user.run(look) ?? nil
    }

    /// The first of the journal's files that is no file: neither rights nor room help there.
    var problemOfKind: Problem? {
        var facts = stat()
        let journal = folder + "/journal.db"
        guard lstat(journal, &facts) == 0 else { return Self.notAFile(journal + "-wal") }
        if facts.st_mode & S_IFMT != S_IFLNK {
            // SQLite follows no link at the names of the other two.
            return Self.notAFile(journal) ?? Self.notAFile(journal + "-wal")
                ?? Self.notAFile(journal + "-shm")
        }
        let target = Self.target(of: journal)
        if stat(journal, &facts) == 0, facts.st_mode & S_IFMT == S_IFREG { return nil }
        return Problem(
            found:
                "\(journal) is a symbolic link to \(target), where no file can be opened; expected the journal's file",
            remedy:
                "Mount the disk to which the link leads, or remove the link (rm \(journal)): then a new journal begins."
        )
    }

    private static func notAFile(_ path: String) -> Problem? {
        var facts = stat()
        guard lstat(path, &facts) == 0 else { return nil }
        let kind: String
        switch facts.st_mode & S_IFMT {
        case S_IFREG: return nil
        case S_IFDIR: kind = "a folder"
        case S_IFLNK: kind = "a symbolic link to \(target(of: path))"
        default: kind = "a device, a pipe or a socket"
        }
        return Problem(
            found: "\(path) is \(kind); expected the journal's file",
            remedy: "Move it away (mv \(path) \(path).old): then the gateway makes a new file.")
    }

    private static func target(of link: String) -> String {
        // The link may be gone in this moment; its target is only shown.
        (try? FileManager.default.destinationOfSymbolicLink(atPath: link)) ?? "another file"
    }

    /// A user's name, or the number of a user without one.
    static func name(of id: uid_t) -> String {
        getpwuid(id).map { String(cString: $0.pointee.pw_name) } ?? "\(id)"
    }
    private static func groupName(of id: gid_t) -> String {
        getgrgid(id).map { String(cString: $0.pointee.gr_name) } ?? "\(id)"
    }
    /// The user as whom this runs.
    static var currentUser: String { name(of: geteuid()) }
    /// The same in the form of `chown`.
    static var currentOwner: String { "\(currentUser):\(groupName(of: getegid()))" }
}
