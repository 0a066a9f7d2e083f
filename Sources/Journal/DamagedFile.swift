#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The file of a damaged journal, made readable while its records are saved.
enum DamagedFile {
    /// Each connection to a journal holds a shared lock on byte 128 of its `-shm` (SQLite's
    /// WAL_LOCK "deadman switch").
    static func isInUse(_ path: String) -> Bool {
        let index = open(path + "-shm", O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        guard index >= 0 else { return false }
        defer { close(index) }
        var lock = flock()
        (lock.l_type, lock.l_whence, lock.l_start, lock.l_len) = (
            Int16(F_WRLCK), Int16(SEEK_SET), 128, 1
        )
        return fcntl(index, F_GETLK, &lock) == 0 && lock.l_type != Int16(F_UNLCK)
    }

    /// Extends a truncated file with zeros: SQLite reads nothing of a file that is shorter than its
    /// header says.
    /// - Returns: the file's former length, where it was changed.
    static func pad(_ path: String) -> Int? {
        let file = open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var header = [UInt8](repeating: 0, count: 32)
        var facts = stat()
        guard pread(file, &header, 32, 0) == 32, fstat(file, &facts) == 0,
            facts.st_mode & S_IFMT == S_IFREG
        else {
            return nil
        }
        let length = Int(facts.st_size)
        let pageSize = Int(header[16]) << 8 | Int(header[17])
        let pages = header[28...31].reduce(0) { $0 << 8 | Int($1) }
        guard pageSize >= 512, length < pages * pageSize else { return nil }
        return ftruncate(file, pages * pageSize) == 0 ? length : nil
    }

    static func shorten(_ path: String, to length: Int) {
        let file = open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        guard file >= 0 else { return }
        ftruncate(file, length)
        close(file)
    }
}
