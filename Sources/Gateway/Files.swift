import FoundationEssentials
import PositionedYAML

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Reads files a person wrote, with errors that name them.
public enum Files {
    public static func bytes(_ path: String) throws(InvalidFiles) -> [UInt8] {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw InvalidFiles([
                Diagnostic(file: path, message: "cannot be read. Does it exist, and may this user read it?")
            ])
        }
        return Array(data)
    }

    /// What this user may still write on the folder's disk; nil where nobody says.
    static func freeBytes(_ folder: String) -> Int? {
        var system = statvfs()
        guard statvfs(folder, &system) == 0 else { return nil }
        return Int(
            clamping: UInt64(system.f_bavail).multipliedReportingOverflow(by: UInt64(system.f_frsize)).partialValue)
    }

    /// Whether the folder's disk takes a file of some pages now, and keeps it.
    static func takes(_ folder: String) -> Bool {
        let path = folder + "/probe"
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o640)
        guard descriptor >= 0 else { return false }
        defer {
            close(descriptor)
            unlink(path)
        }
        let bytes = [UInt8](repeating: 0xA5, count: 1 << 18)
        return bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) } == bytes.count
            && fsync(descriptor) == 0
    }

    public static func yaml(_ path: String) throws(InvalidFiles) -> YAMLNode {
        try YAMLNode(parsing: try bytes(path), file: path)
    }

    /// The YAML files of a folder in the order of their names, or the one file given.
    public static func yamlFiles(in path: String) throws(InvalidFiles) -> [String] {
        var isFolder = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            throw InvalidFiles([Diagnostic(file: path, message: "does not exist")])
        }
        if !isFolder { return [path] }
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        let files = names.filter { $0.hasSuffix(".yaml") || $0.hasSuffix(".yml") }.sorted().map { path + "/" + $0 }
        if files.isEmpty { throw InvalidFiles([Diagnostic(file: path, message: "holds no .yaml file")]) }
        return files
    }

    /// Every YAML file of the paths; all mistakes at once.
    static func yamlNodes(in paths: [String]) throws(InvalidFiles) -> [YAMLNode] {
        var nodes: [YAMLNode] = []
        var mistakes: [Diagnostic] = []
        for path in paths {
            do throws(InvalidFiles) {
                for file in try yamlFiles(in: path) {
                    do throws(InvalidFiles) { nodes.append(try yaml(file)) } catch { mistakes += error.diagnostics }
                }
            } catch { mistakes += error.diagnostics }
        }
        if !mistakes.isEmpty { throw InvalidFiles(mistakes) }
        return nodes
    }

    /// Replaces a file in one step: a reader sees the old one or the new one, never a part.
    /// - Parameter isDurable: on disk before this returns, for what somebody is told was kept.
    /// - Returns: whether it was replaced.
    @discardableResult
    public static func replace(_ path: String, with bytes: [UInt8], isDurable: Bool = false) -> Bool {
        let fresh = path + ".new"
        let descriptor = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { return false }
        let count = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        let isSynced = !isDurable || fsync(descriptor) == 0
        close(descriptor)
        guard count == bytes.count, isSynced, rename(fresh, path) == 0 else { return false }
        return !isDurable || syncFolder(of: path)
    }

    private static func syncFolder(of path: String) -> Bool {
        let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
        let descriptor = open(folder.isEmpty ? "/" : folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        return fsync(descriptor) == 0
    }
}
