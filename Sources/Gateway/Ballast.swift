#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Room that is kept for the day on which the disk is full: SQLite opens a file only where it can write a few pages beside it.
///
/// The file holds nothing. When the journal cannot be opened it goes; it comes back with a start that has room to spare.
struct Ballast {
    static let bytes = 1 << 20
    private let folder: String
    private var path: String { folder + "/ballast" }

    init(in folder: String) { self.folder = folder }

    /// Takes its room where there is plenty.
    func load() {
        guard access(path, F_OK) != 0, Files.freeBytes(folder) ?? 0 > 64 * Self.bytes else { return }
        let descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o640)
        guard descriptor >= 0 else { return }
        if posix_fallocate(descriptor, 0, off_t(Self.bytes)) != 0 { unlink(path) }
        close(descriptor)
    }

    /// Gives its room away.
    /// - Returns: whether there was any.
    func drop() -> Bool { unlink(path) == 0 }
}
