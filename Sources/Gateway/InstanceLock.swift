import PositionedYAML

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Two daemons on one journal would both deliver; the second is refused.
struct InstanceLock: ~Copyable {
    private var descriptor: Int32
    private let path: String
    private let other: String

    /// - Parameters:
    ///   - path: in the state folder.
    ///   - other: in a folder in memory, where a disk that takes no file has none yet.
    init(_ path: String, or other: String) throws(InvalidFiles) {
        (self.path, self.other) = (path, other)
        descriptor = -1
        try take()
    }

    /// Again, where somebody may have removed the file, or the disk may take one now.
    mutating func takeAgain() throws(InvalidFiles) {
        close(descriptor)
        try take()
    }

    private mutating func take() throws(InvalidFiles) {
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o640)
        // A disk that takes nothing is no reason not to watch.
        if descriptor < 0, [EROFS, ENOSPC, EIO, EDQUOT].contains(errno) {
            descriptor = open(path, O_RDONLY | O_CLOEXEC)
            if descriptor < 0 { descriptor = open(other, O_RDWR | O_CREAT | O_CLOEXEC, 0o640) }
        }
        guard descriptor >= 0 else {
            throw InvalidFiles([
                Diagnostic(
                    file: path,
                    message: "\(String(cString: strerror(errno))). May user \(getuid()) write in this folder?")
            ])
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            throw InvalidFiles([Diagnostic(file: path, message: "another hoistway runs on this state folder")])
        }
    }

    deinit { close(descriptor) }
}
