#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// An open folder with an untrusted owner: root's commands write where the service's user may
/// write.
///
/// The owner can at any moment replace a file in it by a symbolic link, a FIFO or a device. So,
/// each tested in `FolderTests`:
/// 1. Every operation is relative to the open folder, and no link inside it is followed.
/// 2. A new file has a random name, did not exist before, and belongs to the folder's owner.
/// 3. Only a regular file with one name is read, and only up to a given length.
///
/// Links in the path to the folder itself are followed: the path is the configuration's, and its
/// parents are root's.
public struct Folder: ~Copyable {
    /// Why a folder, or a file in it, cannot be used.
    public struct Problem: Error, CustomStringConvertible, Sendable {
        public var path: String
        public var message: String
        /// The system's error number; 0 where it has none.
        public var code: Int32
        public var description: String { "\(path): \(message)" }
    }

    public let path: String
    private let descriptor: Int32
    private static let temporary = ".new"

    /// - Throws: `Problem` where there is no such folder, or it may not be read.
    public init(_ path: String) throws(Problem) {
        self.path = path
        descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if descriptor < 0 { throw Self.problem(path) }
    }

    private init(_ path: String, _ descriptor: Int32) {
        (self.path, self.descriptor) = (path, descriptor)
    }

    deinit { close(descriptor) }

    /// A folder in this one.
    /// - Throws: `Problem`, also where the name is a symbolic link.
    public func subfolder(_ name: String) throws(Problem) -> Folder {
        let path = path + "/" + name
        let inner = openat(descriptor, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        if inner >= 0 { return Folder(path, inner) }
        guard errno == ENOTDIR || errno == ELOOP else { throw Self.problem(path) }
        throw Problem(
            path: path,
            message: "is a link or a file; expected a folder. Remove it, and restart the gateway",
            code: ENOTDIR)
    }

    // MARK: Reading

    public func has(_ name: String) -> Bool {
        var facts = stat()
        return fstatat(descriptor, name, &facts, AT_SYMLINK_NOFOLLOW) == 0
    }

    /// The names in it, in no order.
    /// - Throws: `Problem` where they cannot all be read.
    public func names() throws(Problem) -> [String] {
        // A descriptor of its own: the stream closes it, and moves its position.
        let own = openat(descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard own >= 0, let stream = fdopendir(own) else {
            let problem = Self.problem(path)
            if own >= 0 { close(own) }
            throw problem
        }
        defer { closedir(stream) }
        var names: [String] = []
        while true {
            // At the end and after a failure `readdir` returns the same: only `errno` tells them
            // apart.
            errno = 0
            guard let entry = readdir(stream) else {
                if errno != 0 { throw Self.problem(path) }
                return names
            }
            // A C array of 256 bytes, ended by a zero.
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
    }

    /// - Returns: nil where there is no such file.
    /// - Throws: `Problem` where it is no plain file, is longer than `most` bytes, or may not be
    ///   read.
    public func contents(_ name: String, upTo most: Int) throws(Problem) -> [UInt8]? {
        let path = path + "/" + name
        // O_NONBLOCK: opening a FIFO would wait for its writer.
        let file = openat(descriptor, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        guard file >= 0 else {
            if errno == ENOENT { return nil }
            if errno == ELOOP { throw Problem(path: path, message: Self.linkMessage, code: ELOOP) }
            throw Self.problem(path)
        }
        defer { close(file) }
        var facts = stat()
        guard fstat(file, &facts) == 0 else { throw Self.problem(path) }
        guard facts.st_mode & S_IFMT == S_IFREG, facts.st_nlink <= 1 else {
            throw Problem(
                path: path, message: "is not a plain file with one name. Remove it", code: 0)
        }
        guard facts.st_size <= most else {
            throw Problem(
                path: path,
                message: "has \(facts.st_size) bytes; expected at most \(most). Remove it",
                code: EFBIG)
        }
        var bytes = [UInt8](repeating: 0, count: Int(facts.st_size))
        var filled = 0
        while filled < bytes.count {
            // `read` takes its target as a pointer only.
            let count = bytes.withUnsafeMutableBytes {
                read(file, $0.baseAddress! + filled, $0.count - filled)
            }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw Self.problem(path) }
            if count == 0 { break }
            filled += count
        }
        return Array(bytes.prefix(filled))
    }

    // MARK: Writing

    /// Replaces a file in one step: a reader sees the old one or the new one, never a part.
    /// - Parameter isDurable: whether the file is on the disk before this returns.
    public func replace(
        _ name: String, with bytes: [UInt8], mode: mode_t = 0o644, isDurable: Bool = false
    ) throws(Problem) {
        let fresh =
            ".\(name).\(String(UInt64.random(in: .min ... .max), radix: 36))\(Self.temporary)"
        let file = try create(fresh, mode: mode)
        defer { close(file) }
        do throws(Problem) {
            try Self.fill(file, with: bytes, path: path + "/" + name)
            guard !isDurable || fsync(file) == 0, renameat(descriptor, fresh, descriptor, name) == 0
            else {
                throw Self.problem(path + "/" + name)
            }
        } catch {
            unlinkat(descriptor, fresh, 0)
            throw error
        }
        if isDurable, fsync(descriptor) != 0 { throw Self.problem(path) }
    }

    /// Creates a file that does not exist yet; it belongs to the folder's owner.
    /// - Returns: its descriptor, which the caller closes.
    /// - Throws: `Problem`, also where the name exists already.
    public func create(_ name: String, mode: mode_t) throws(Problem) -> Int32 {
        let path = path + "/" + name
        let file = openat(
            descriptor, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode)
        guard file >= 0 else { throw Self.problem(path) }
        var owner = stat()
        guard
            geteuid() != 0
                || fstat(descriptor, &owner) == 0
                    && (owner.st_uid == 0 || fchown(file, owner.st_uid, owner.st_gid) == 0)
        else {
            let problem = Self.problem(path)
            close(file)
            unlinkat(descriptor, name, 0)
            throw problem
        }
        return file
    }

    private static func fill(_ file: Int32, with bytes: [UInt8], path: String) throws(Problem) {
        var written = 0
        while written < bytes.count {
            // `write` takes bytes as a pointer only.
            let count = bytes.withUnsafeBytes {
                write(file, $0.baseAddress! + written, $0.count - written)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw problem(path) }
            written += count
        }
    }

    /// Removes a file, or a link of this name.
    public func remove(_ name: String) { unlinkat(descriptor, name, 0) }

    public func rename(_ name: String, to other: String) throws(Problem) {
        if renameat(descriptor, name, descriptor, other) != 0 {
            throw Self.problem(path + "/" + name)
        }
    }

    /// Removes temporary files of processes that were killed. One that is younger than a minute may
    /// still be written.
    public func removeLeftovers() throws(Problem) {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        for name in try names() where name.hasPrefix(".") && name.hasSuffix(Self.temporary) {
            var facts = stat()
            if fstatat(descriptor, name, &facts, AT_SYMLINK_NOFOLLOW) == 0,
                abs(now.tv_sec - facts.st_mtim.tv_sec) > 60
            {
                remove(name)
            }
        }
    }

    // MARK: Paths

    /// The folder and the name of a path.
    public static func split(_ path: String) -> (folder: String, name: String) {
        guard let slash = path.lastIndex(of: "/") else { return (".", path) }
        return (
            slash == path.startIndex ? "/" : String(path[..<slash]),
            String(path[path.index(after: slash)...])
        )
    }

    static let linkMessage =
        "is a symbolic link, which is not followed here. Name the file itself, or remove the link"

    private static func problem(_ path: String) -> Problem {
        let code = errno
        return Problem(path: path, message: String(cString: strerror(code)), code: code)
    }
}
