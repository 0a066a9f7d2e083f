import FoundationEssentials
import Journal
import PositionedYAML

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Reads and writes files; errors name the file.
public enum Files {
    /// - Throws: `InvalidFiles`, also for a file that is longer than a person writes one.
    public static func bytes(_ path: String) throws(InvalidFiles) -> [UInt8] {
        let most = YAMLNode.maximumSize
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw unreadable(path, errno) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 1 << 16)
        // The size in the file's attributes may be wrong: a pipe has none, and /dev/zero has no
        // end.
        while bytes.count <= most {
            let count = read(descriptor, &piece, piece.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw unreadable(path, errno) }
            if count == 0 { break }
            bytes += piece[..<count]
        }
        if bytes.count > most {
            throw InvalidFiles([
                Diagnostic(
                    file: path, message: "has more than \(most) bytes; expected at most so many")
            ])
        }
        return bytes
    }

    private static func unreadable(_ path: String, _ code: Int32) -> InvalidFiles {
        let message =
            switch code {
            case ENOENT, ENOTDIR: "does not exist. Check its name and its folder"
            case EISDIR: "is a folder; expected a file"
            case EACCES, EPERM:
                "may not be read by user '\(OwnFiles.currentUser)'. Run this as root or as the file's user"
            default: "cannot be read: \(String(cString: strerror(code)))"
            }
        return InvalidFiles([Diagnostic(file: path, message: message)])
    }

    /// The bytes that this user may still write to the folder's disk; nil where the system does not
    /// report them.
    static func freeBytes(_ folder: String) -> Int? {
        var system = statvfs()
        guard statvfs(folder, &system) == 0 else { return nil }
        return Int(
            clamping: UInt64(system.f_bavail).multipliedReportingOverflow(
                by: UInt64(system.f_frsize)
            ).partialValue)
    }

    /// Tests whether the folder's disk stores a file of some pages now.
    /// - Returns: nil where it does, otherwise the system's error number.
    static func writeProblem(in folder: String) -> Int32? {
        let path = folder + "/probe"
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o640)
        guard descriptor >= 0 else { return errno }
        defer {
            close(descriptor)
            unlink(path)
        }
        let bytes = [UInt8](repeating: 0xA5, count: 1 << 18)
        errno = 0
        // `write` copies the bytes.
        let count = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        // A disk that takes only a part of the bytes is full.
        guard count == bytes.count else { return count < 0 ? errno : ENOSPC }
        return fsync(descriptor) == 0 ? nil : errno
    }

    public static func yaml(_ path: String) throws(InvalidFiles) -> YAMLNode {
        try YAMLNode(parsing: try bytes(path), file: path)
    }

    /// The YAML files of a folder in the order of their names, or the one file given.
    public static func yamlFiles(in path: String) throws(InvalidFiles) -> [String] {
        var facts = stat()
        guard stat(path, &facts) == 0 else {
            if errno == ENOENT || errno == ENOTDIR {
                throw InvalidFiles([Diagnostic(file: path, message: "does not exist")])
            }
            throw unreadable(path, errno)
        }
        if facts.st_mode & S_IFMT != S_IFDIR { return [path] }
        let names: [String]
        do throws(Folder.Problem) { names = try Folder(path).names() } catch {
            throw unreadable(path, error.code)
        }
        let files = names.filter { $0.hasSuffix(".yaml") || $0.hasSuffix(".yml") }.sorted().map {
            path + "/" + $0
        }
        if files.isEmpty {
            throw InvalidFiles([Diagnostic(file: path, message: "holds no .yaml file")])
        }
        return files
    }

    /// The YAML documents of all files of the paths.
    static func yamlNodes(in paths: [String]) throws(InvalidFiles) -> [YAMLNode] {
        var nodes: [YAMLNode] = []
        var mistakes: [Diagnostic] = []
        for path in paths {
            do throws(InvalidFiles) {
                for file in try yamlFiles(in: path) {
                    do throws(InvalidFiles) { nodes.append(try yaml(file)) } catch {
                        mistakes += error.diagnostics
                    }
                }
            } catch { mistakes += error.diagnostics }
        }
        if !mistakes.isEmpty { throw InvalidFiles(mistakes) }
        return nodes
    }

    /// Replaces a file in one step: a reader sees the old file or the new one, never a part. It
    /// follows no link (`Folder`).
    /// - Parameter isDurable: the file is on disk before this returns. Needed where someone learns
    ///   that it was stored.
    /// - Returns: whether it was replaced.
    @discardableResult
    public static func replace(_ path: String, with bytes: [UInt8], isDurable: Bool = false) -> Bool
    {
        let (folder, name) = Folder.split(path)
        do throws(Folder.Problem) {
            try Folder(folder).replace(name, with: bytes, isDurable: isDurable)
            return true
        } catch { return false }
    }

    /// A file that the gateway writes for its commands, in a folder that root need not trust.
    /// - Returns: nil where there is none.
    /// - Throws: `Folder.Problem` for a link, a folder, or a file that may not be read.
    public static func readGatewayFile(_ path: String) throws(Folder.Problem) -> [UInt8]? {
        let (folder, name) = Folder.split(path)
        do throws(Folder.Problem) {
            return try Folder(folder).contents(name, upTo: 256 << 20)
        } catch {
            if error.code == ENOENT { return nil }
            throw error
        }
    }
}

extension InvalidFiles {
    init(_ problem: Folder.Problem) {
        self.init([Diagnostic(file: problem.path, message: problem.message)])
    }
}
