import Foundation

/// A small disk that a test can fill to the last page. Mounting needs root and a kernel that allows
/// it.
final class Tmpfs {
    private let path: String

    static let isAllowed: Bool = {
        let path = NSTemporaryDirectory() + "hoistway-tmpfs-\(UUID().uuidString)"
        guard (try? Tmpfs(megabytes: 1, at: path)) != nil else { return false }
        return true
    }()

    init(megabytes: Int, at path: String) throws {
        self.path = path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        guard mount("tmpfs", path, "tmpfs", 0, "size=\(megabytes)m") == 0 else {
            let code = errno
            try? FileManager.default.removeItem(atPath: path)
            throw POSIXError(POSIXErrorCode(rawValue: code) ?? .EPERM)
        }
    }

    deinit {
        umount2(path, Int32(MNT_DETACH))
        try? FileManager.default.removeItem(atPath: path)
    }

    func makeReadOnly() { mount("tmpfs", path, "tmpfs", UInt(MS_REMOUNT | MS_RDONLY), nil) }
    func makeWritable() { mount("tmpfs", path, "tmpfs", UInt(MS_REMOUNT), nil) }

    func empty() { unlink(path + "/fill") }

    func fill() {
        guard let file = fopen(path + "/fill", "w") else { return }
        setvbuf(file, nil, _IONBF, 0)
        let kilobyte = [UInt8](repeating: 0xFF, count: 1024)
        while fwrite(kilobyte, 1, 1024, file) == 1024 {}
        fclose(file)
    }
}
