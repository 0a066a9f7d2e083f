#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The lock that refuses a second daemon on one journal: both would deliver.
struct InstanceLock: ~Copyable {
    private var descriptor: Int32
    private let path: String
    private let other: String

    /// Whether a gateway runs on a state folder, for a command that may only read.
    static func presence(in stateFolder: String, or runtimeFolder: String) -> GatewayPresence {
        var isHidden = false
        for folder in [stateFolder, runtimeFolder] {
            let descriptor = open(folder + "/lock", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
            guard descriptor >= 0 else {
                if errno == EACCES { isHidden = true }
                continue
            }
            defer { close(descriptor) }
            // The lock is released at once; a gateway that starts in this moment tries again.
            if flock(descriptor, LOCK_SH | LOCK_NB) != 0 { return .running }
        }
        return isHidden ? .hidden : .absent
    }

    /// - Parameters:
    /// - path: the lock in the state folder.
    /// - other: the lock in a folder in memory, for a disk that takes no file.
    init(_ path: String, or other: String) throws(CannotRun) {
        (self.path, self.other) = (path, other)
        descriptor = -1
        try take()
    }

    /// Takes the lock again: the file may have been removed, or the disk may take one now.
    mutating func takeAgain() throws(CannotRun) {
        close(descriptor)
        try take()
    }

    private mutating func take() throws(CannotRun) {
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o640)
        // Neither a disk that takes nothing nor files of root keep the gateway from watching: the
        // journal then reports them.
        if descriptor < 0, [EROFS, ENOSPC, EIO, EDQUOT, EACCES, EPERM].contains(errno) {
            descriptor = open(path, O_RDONLY | O_CLOEXEC)
            if descriptor < 0 { descriptor = open(other, O_RDWR | O_CREAT | O_CLOEXEC, 0o640) }
        }
        guard descriptor >= 0 else {
            throw CannotRun(
                description:
                    "user '\(OwnFiles.currentUser)' can open neither \(path) nor \(other) (\(String(cString: strerror(errno)))). Start the service instead (systemctl start hoistway), or as root: chown -R \(OwnFiles.currentOwner) and each of the two folders"
            )
        }
        // A command that looks for a gateway (`presence`) holds the lock for a moment.
        var isTaken = flock(descriptor, LOCK_EX | LOCK_NB) == 0
        if !isTaken {
            usleep(200_000)
            isTaken = flock(descriptor, LOCK_EX | LOCK_NB) == 0
        }
        guard isTaken else {
            throw CannotRun(
                description:
                    "another hoistway runs on this state folder (\(path) is locked). Stop it first (systemctl stop hoistway), or give this one another state_folder"
            )
        }
    }

    deinit { close(descriptor) }
}
