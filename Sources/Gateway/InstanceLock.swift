import PositionedYAML

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Two daemons on one journal would both deliver; the second is refused.
struct InstanceLock: ~Copyable {
    private let descriptor: Int32

    /// - Parameters:
    ///   - path: in the state folder.
    ///   - other: in a folder in memory, where a disk that takes no file has none yet.
    init(_ path: String, or other: String) throws(InvalidFiles) {
        var found = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o640)
        // A disk that takes nothing is no reason not to watch.
        if found < 0, [EROFS, ENOSPC, EIO, EDQUOT].contains(errno) {
            found = open(path, O_RDONLY | O_CLOEXEC)
            if found < 0 { found = open(other, O_RDWR | O_CREAT | O_CLOEXEC, 0o640) }
        }
        descriptor = found
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
