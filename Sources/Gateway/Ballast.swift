#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Disk space reserved for a full disk: SQLite opens a file only where it can write a few pages
/// beside it.
///
/// The file has no content. It is removed when the journal cannot be opened, and created again at a
/// start with enough free space.
struct Ballast {
    static let bytes = 1 << 20
    private let folder: String
    private var path: String { folder + "/ballast" }

    init(in folder: String) { self.folder = folder }

    /// Reserves the space where there is plenty.
    func load() {
        guard access(path, F_OK) != 0, Files.freeBytes(folder) ?? 0 > 64 * Self.bytes else {
            return
        }
        let descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o640)
        guard descriptor >= 0 else { return }
        if posix_fallocate(descriptor, 0, off_t(Self.bytes)) != 0 { unlink(path) }
        close(descriptor)
    }

    /// Frees the space.
    /// - Returns: whether any was reserved.
    func drop() -> Bool { unlink(path) == 0 }
}
