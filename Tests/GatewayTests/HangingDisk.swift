import Foundation

@testable import hoistway_sim

/// A disk whose syncs hang for as long as a test wants: a library that replaces the C library's
/// `fsync` and `fdatasync`.
struct HangingDisk {
    /// While this file exists, no sync returns.
    private let switchPath: String
    private let library: String

    /// Whether a compiler for it is installed.
    static var isAllowed: Bool { FileManager.default.isExecutableFile(atPath: "/usr/bin/cc") }

    private static let source = """
        #define _GNU_SOURCE
        #include <dlfcn.h>
        #include <stdlib.h>
        #include <unistd.h>
        static int pass(const char *name, int fd) {
            int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
            const char *path = getenv("HANGING_DISK");
            while (path && access(path, F_OK) == 0) usleep(10000);
            return real(fd);
        }
        int fsync(int fd) { return pass("fsync", fd); }
        int fdatasync(int fd) { return pass("fdatasync", fd); }
        """

    init(in folder: String) throws {
        (switchPath, library) = (folder + "/disk-hangs", folder + "/hanging-disk.so")
        try Self.source.write(toFile: folder + "/hanging-disk.c", atomically: true, encoding: .utf8)
        let compiler = try ChildProcess(
            ["/usr/bin/cc", "-shared", "-fPIC", "-o", library, folder + "/hanging-disk.c", "-ldl"],
            log: folder + "/cc.log")
        while compiler.isRunning { usleep(5_000) }
        guard compiler.outcome == 0 else {
            throw POSIXError(
                .ENOEXEC,
                userInfo: ["log": try String(contentsOfFile: folder + "/cc.log", encoding: .utf8)])
        }
    }

    /// The environment of the process with this disk.
    var environment: [String] { ["LD_PRELOAD=" + library, "HANGING_DISK=" + switchPath] }

    func hang() { _ = FileManager.default.createFile(atPath: switchPath, contents: nil) }
    func goOn() { try? FileManager.default.removeItem(atPath: switchPath) }
}
