#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Whether the gateway's user may use the gateway's files in a folder. A journal that root has
/// copied back, or a folder that root has created anew, is a matter of rights: no disk has failed,
/// and no space is missing.
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

    /// The first file that may not be used; nil where all existing ones may.
    public var problem: Problem? {
        let paths = [folder] + Self.names.map { folder + "/" + $0 }
        guard let path = paths.first(where: isForbidden) else { return nil }
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
        // Files that root has created mostly belong to root, and so do their neighbours.
        let command =
            owner == name ? "chmod -R u+rwX \(folder)" : "chown -R \(name):\(group) \(folder)"
        return Problem(
            found:
                "user '\(name)' may not read and write \(path), which belongs to user '\(owner)' (mode \(mode))",
            remedy: "As root: \(command)")
    }

    /// Whether a file exists that this user may not read and write. A disk that takes nothing is no
    /// matter of rights.
    private func isForbidden(_ path: String) -> Bool {
        func look() -> Bool {
            faccessat(AT_FDCWD, path, R_OK | W_OK, AT_EACCESS) != 0
                && [EACCES, EPERM].contains(errno)
        }
        guard let user else { return look() }
        return user.run(look) ?? false
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
