#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The device and inode of the file at a path.
struct FileIdentity: Equatable {
    private let device: UInt
    private let inode: UInt

    /// - Returns: nil where there is none.
    init?(of path: String) {
        var facts = stat()
        guard stat(path, &facts) == 0 else { return nil }
        (device, inode) = (UInt(facts.st_dev), UInt(facts.st_ino))
    }
}
