import CSQLite

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Lets SQLite use a `SimulatedDisk`, under the name "simulated".
///
/// One disk at a time: SQLite's callbacks find it in a global. The model runs on one thread.
package enum DiskFileSystem {
    package static let name = "simulated"
    // Set and read by the model's one thread, on which SQLite calls back.
    nonisolated(unsafe) package static var disk = SimulatedDisk(seed: 0)

    /// The memory that SQLite allocates for an open file: its own head, and then ours.
    private struct OpenFile {
        var head: sqlite3_file
        var file: Unmanaged<SimulatedDisk.File>?
        /// This connection uses the file's shared memory.
        var isMapped = false
        /// SQLite's level: none, shared, reserved, pending or exclusive.
        var lock: Int32 = SQLITE_LOCK_NONE
    }

    // Registered once and never freed, as SQLite requires.
    nonisolated(unsafe) private static let methods: UnsafeMutablePointer<sqlite3_io_methods> = {
        let methods = UnsafeMutablePointer<sqlite3_io_methods>.allocate(capacity: 1)
        methods.initialize(to: sqlite3_io_methods())
        methods.pointee.iVersion = 2
        methods.pointee.xClose = { open in
            _ = setLock(open, SQLITE_LOCK_NONE)
            opened(open)?.release()
            UnsafeMutableRawPointer(open!).assumingMemoryBound(to: OpenFile.self).pointee.file = nil
            return SQLITE_OK
        }
        methods.pointee.xRead = { open, target, count, offset in
            disk.read(
                file(open), UnsafeMutableRawBufferPointer(start: target, count: Int(count)),
                at: Int(offset))
        }
        methods.pointee.xWrite = { open, source, count, offset in
            disk.write(
                file(open), UnsafeRawBufferPointer(start: source, count: Int(count)),
                at: Int(offset))
        }
        methods.pointee.xTruncate = { open, size in disk.truncate(file(open), to: Int(size)) }
        methods.pointee.xSync = { open, _ in disk.sync(file(open)) }
        methods.pointee.xFileSize = { open, size in
            size?.pointee = sqlite3_int64(file(open).bytes.count)
            return SQLITE_OK
        }
        methods.pointee.xLock = { open, level in setLock(open, level) }
        methods.pointee.xUnlock = { open, level in setLock(open, level) }
        methods.pointee.xCheckReservedLock = { _, result in
            result?.pointee = 0
            return SQLITE_OK
        }
        methods.pointee.xFileControl = { _, _, _ in SQLITE_NOTFOUND }
        methods.pointee.xSectorSize = { _ in Int32(SimulatedDisk.sectorSize) }
        methods.pointee.xDeviceCharacteristics = { _ in 0 }
        methods.pointee.xShmMap = { open, page, size, _, result in
            let file = file(open)
            let memory = UnsafeMutableRawPointer(open!).assumingMemoryBound(to: OpenFile.self)
            if !memory.pointee.isMapped { file.mappings += 1 }
            memory.pointee.isMapped = true
            while file.sharedMemory.count <= Int(page) {
                file.sharedMemory.append(calloc(1, Int(size)))
            }
            result?.pointee = file.sharedMemory[Int(page)]
            return SQLITE_OK
        }
        methods.pointee.xShmLock = { _, _, _, _ in SQLITE_OK }
        methods.pointee.xShmBarrier = { _ in }
        methods.pointee.xShmUnmap = { open, _ in
            let memory = UnsafeMutableRawPointer(open!).assumingMemoryBound(to: OpenFile.self)
            if memory.pointee.isMapped { file(open).unmap() }
            memory.pointee.isMapped = false
            return SQLITE_OK
        }
        return methods
    }()

    /// A connection that is closed deletes the write-ahead log where no other one uses the file. It
    /// finds that out by an exclusive lock.
    private static func setLock(_ open: UnsafeMutablePointer<sqlite3_file>?, _ level: Int32)
        -> Int32
    {
        guard let open, let file = opened(open)?.takeUnretainedValue() else { return SQLITE_OK }
        let memory = UnsafeMutableRawPointer(open).assumingMemoryBound(to: OpenFile.self)
        let held = memory.pointee.lock > SQLITE_LOCK_NONE ? 1 : 0
        if level == SQLITE_LOCK_EXCLUSIVE, file.sharedLocks > held { return SQLITE_BUSY }
        file.sharedLocks += (level > SQLITE_LOCK_NONE ? 1 : 0) - held
        memory.pointee.lock = level
        return SQLITE_OK
    }

    private static func opened(_ open: UnsafeMutablePointer<sqlite3_file>?) -> Unmanaged<
        SimulatedDisk.File
    >? {
        guard let open else { return nil }
        // SQLite hands back the memory of `szOsFile` bytes that `xOpen` filled in.
        return UnsafeMutableRawPointer(open).assumingMemoryBound(to: OpenFile.self).pointee.file
    }
    private static func file(_ open: UnsafeMutablePointer<sqlite3_file>?) -> SimulatedDisk.File {
        guard let file = opened(open) else {
            preconditionFailure("SQLite uses a file that it has closed")
        }
        return file.takeUnretainedValue()
    }

    package static func register() {
        let system = UnsafeMutablePointer<sqlite3_vfs>.allocate(capacity: 1)
        system.initialize(to: sqlite3_vfs())
        system.pointee.iVersion = 1
        system.pointee.szOsFile = Int32(MemoryLayout<OpenFile>.size)
        system.pointee.mxPathname = 512
        system.pointee.zName = UnsafePointer(strdup(name))
        system.pointee.xOpen = { _, path, open, flags, outFlags in
            guard let open else { return SQLITE_CANTOPEN }
            let memory = UnsafeMutableRawPointer(open).bindMemory(to: OpenFile.self, capacity: 1)
            memory.initialize(to: OpenFile(head: sqlite3_file(), file: nil))
            let name = path.map { String(cString: $0) } ?? "temporary"
            guard
                let file = DiskFileSystem.disk.open(name, creating: flags & SQLITE_OPEN_CREATE != 0)
            else {
                return SQLITE_CANTOPEN
            }
            memory.pointee.file = Unmanaged.passRetained(file)
            memory.pointee.head.pMethods = UnsafePointer(DiskFileSystem.methods)
            outFlags?.pointee = flags
            return SQLITE_OK
        }
        system.pointee.xDelete = { _, path, isSynced in
            if let path {
                DiskFileSystem.disk.remove(String(cString: path), isSynced: isSynced != 0)
            }
            return SQLITE_OK
        }
        system.pointee.xAccess = { _, path, _, result in
            result?.pointee =
                path.map { DiskFileSystem.disk.files[String(cString: $0)] != nil } == true ? 1 : 0
            return SQLITE_OK
        }
        system.pointee.xFullPathname = { _, path, size, target in
            if let path, let target { strncpy(target, path, Int(size)) }
            return SQLITE_OK
        }
        system.pointee.xRandomness = { _, count, target in
            for i in 0..<Int(count) {
                target?[i] = CChar(truncatingIfNeeded: DiskFileSystem.disk.random.next())
            }
            return count
        }
        system.pointee.xSleep = { _, microseconds in microseconds }
        system.pointee.xCurrentTime = { _, time in
            time?.pointee = 2_461_000.5
            return SQLITE_OK
        }
        system.pointee.xGetLastError = { _, _, _ in 0 }
        sqlite3_vfs_register(system, 0)
    }
}

extension SimulatedDisk.File {
    /// A connection no longer uses the shared memory; it goes with the last one.
    func unmap() {
        mappings -= 1
        guard mappings == 0 else { return }
        for page in sharedMemory { free(page) }
        sharedMemory.removeAll()
    }
}
