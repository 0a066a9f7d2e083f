#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The user as whom the service runs, so that root can see what this user sees.
public struct ServiceUser: Sendable {
    /// The name in systemd/hoistway.service.
    public static let standard = "hoistway"

    public var name: String
    private var id: uid_t
    private var group: gid_t

    /// The user's own group; the number of a group without a name.
    var groupName: String {
        getgrgid(group).map { String(cString: $0.pointee.gr_name) } ?? "\(group)"
    }

    /// - Returns: nil where there is no such user.
    public init?(named name: String) {
        // The entry is the library's own memory; it is read before another call, since a command
        // has one thread.
        guard let entry = getpwnam(name)?.pointee else { return nil }
        self.name = name
        id = entry.pw_uid
        group = entry.pw_gid
    }

    /// Whether this process can take on another user's rights.
    public static var canImpersonate: Bool { geteuid() == 0 }

    /// Runs a closure with this user's rights. Only for root, and for a command with one thread.
    /// - Returns: nil where the rights could not be taken on.
    func run<Result>(_ body: () -> Result) -> Result? {
        let count = getgroups(0, nil)
        guard count >= 0 else { return nil }
        var groups = [gid_t](repeating: 0, count: Int(count))
        getgroups(count, &groups)
        defer {
            // Root's effective rights are restored from the real ones.
            guard seteuid(getuid()) == 0, setegid(getgid()) == 0,
                setgroups(groups.count, groups) == 0
            else {
                // Continuing with half of root's rights would be worse than ending: only a check is
                // running here.
                fatalError("the rights of user \(getuid()) do not come back")
            }
        }
        guard initgroups(name, group) == 0, setegid(group) == 0, seteuid(id) == 0 else {
            return nil
        }
        return body()
    }

    /// Whether this user can open a file, through all the folders above it.
    func canRead(_ path: String) -> Bool? {
        run {
            let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
            if descriptor >= 0 { close(descriptor) }
            return descriptor >= 0
        }
    }

    /// Whether this user can make files in a folder.
    func canWrite(into folder: String) -> Bool? {
        run { faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) == 0 }
    }
}
