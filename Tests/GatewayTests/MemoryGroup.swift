import Foundation

/// A memory cgroup of version 1 or 2, whichever this machine has: the test's `MemoryMax=`.
final class MemoryGroup {
    private static let version1 = "/sys/fs/cgroup/memory"
    private static let version2 = "/sys/fs/cgroup"
    private let folder: String
    private let isVersion1: Bool

    /// Root can create one, unless this machine is itself confined.
    static let isPossible: Bool = (try? MemoryGroup(bytes: 64 << 20)) != nil

    init(bytes: Int) throws {
        isVersion1 = FileManager.default.fileExists(
            atPath: Self.version1 + "/memory.limit_in_bytes")
        folder = (isVersion1 ? Self.version1 : Self.version2) + "/hoistway-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        do {
            try "\(bytes)".write(
                toFile: folder + (isVersion1 ? "/memory.limit_in_bytes" : "/memory.max"),
                atomically: false,
                encoding: .utf8)
        } catch {
            rmdir(folder)
            throw error
        }
    }

    /// The process must have ended.
    deinit { rmdir(folder) }

    /// The beginning of a command line that puts the command into the group.
    var launcher: [String] {
        ["/bin/sh", "-c", "echo $$ >\(folder)/cgroup.procs; exec \"$@\"", "in-group"]
    }

    /// How often the kernel has killed a process of the group for lack of memory.
    var kills: Int {
        let file = folder + (isVersion1 ? "/memory.oom_control" : "/memory.events")
        let text = (try? String(contentsOfFile: file, encoding: .utf8)) ?? ""
        return text.split(separator: "\n").first { $0.hasPrefix("oom_kill ") }.flatMap {
            Int($0.dropFirst(9))
        } ?? -1
    }
}
