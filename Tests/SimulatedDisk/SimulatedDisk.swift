import CSQLite
import Encoding

/// A disk in memory that behaves as badly as a disk may, as a file system for SQLite.
///
/// A write can be lost in a power cut until it is synced. Unsynced sectors may reach the disk in
/// any order, or in part. A new or removed file is on the disk for sure only after a sync. On
/// demand the disk is full, or fails to read, write or sync.
///
/// Is: the contract that POSIX and ext4 give to fsync. Is not: a disk that lies about fsync, or
/// that loses synced data.
package final class SimulatedDisk {
    package static let sectorSize = 512

    package final class File {
        /// The content that the program reads.
        var bytes: [UInt8] = []
        /// The content that is on the disk for sure.
        var durable: [UInt8] = []
        /// Sectors written since the last sync.
        var unsynced: Set<Int> = []
        /// The file's name is on the disk for sure.
        var isNamed = false
        var sharedMemory: [UnsafeMutableRawPointer] = []
        /// Connections that hold a lock of any level.
        var sharedLocks = 0
        /// Connections that use it.
        var mappings = 0
    }
    /// The next fault.
    package enum Fault: CaseIterable, Sendable { case full, writeError, syncError, readError }

    private(set) var files: [String: File] = [:]
    /// Removed files, which a power cut may bring back.
    private var removed: [String: File] = [:]
    var random: SplitMix64
    /// The planned fault, and the number of operations of its kind before it.
    private var fault: (kind: Fault, after: Int)?
    /// The planned fault happens once.
    private var isOnce = false
    private var isDead = false
    package private(set) var faultsMet = 0
    private(set) var writes = 0
    private(set) var syncs = 0

    package init(seed: UInt64) { random = SplitMix64(seed: seed) }

    package func plan(_ kind: Fault, after operations: Int) { fault = (kind, operations) }
    package func repair() { fault = nil }
    /// One read of `work` fails, after so many others.
    package func failOneRead(after reads: Int, _ work: () -> Void) {
        let planned = fault
        fault = (.readError, reads)
        isOnce = true
        work()
        isOnce = false
        fault = planned
    }
    /// No operation of `work` fails.
    package func whileWell<T>(_ work: () throws -> T) rethrows -> T {
        let planned = fault
        fault = nil
        defer { fault = planned }
        return try work()
    }
    /// Every operation fails from now on, until the power is back.
    package func loseContact() { isDead = true }

    private func meets(_ kind: Fault) -> Bool {
        if isDead { return true }
        guard let planned = fault, planned.kind == kind else { return false }
        if planned.after > 0 {
            fault = (kind, planned.after - 1)
            return false
        }
        // The fault stays until `repair`.
        if isOnce { fault = nil }
        faultsMet += 1
        return true
    }

    /// The process that used the disk has died; the system and its buffers live on.
    package func regainContact() { isDead = false }

    // MARK: The power

    /// The power comes back. Unsynced data is on the disk in part; the owners of open files are
    /// gone.
    package func cutPower() {
        for (name, file) in removed where files[name] == nil && chance() { files[name] = file }
        removed.removeAll()
        for (name, file) in files {
            guard file.isNamed || chance() else {
                files[name] = nil
                continue
            }
            file.settle(&random)
            file.isNamed = true
        }
        fault = nil
        isDead = false
    }

    private func chance() -> Bool { random.next() & 1 == 0 }

    // MARK: Operations

    func open(_ name: String, creating: Bool) -> File? {
        if let file = files[name] { return file }
        guard creating else { return nil }
        let file = File()
        files[name] = file
        return file
    }

    /// - Parameter isSynced: whether the folder is synced, too: then the file stays removed.
    func remove(_ name: String, isSynced: Bool) {
        if isDead { return }
        guard let file = files.removeValue(forKey: name) else { return }
        removed[name] = isSynced ? nil : file
    }

    func read(_ file: File, _ target: UnsafeMutableRawBufferPointer, at offset: Int) -> Int32 {
        if meets(.readError) { return SQLITE_IOERR | (1 << 8) }
        let available = max(0, min(target.count, file.bytes.count - offset))
        if available > 0 {
            file.bytes.withUnsafeBytes {
                target.copyMemory(
                    from: UnsafeRawBufferPointer(rebasing: $0[offset..<offset + available]))
            }
        }
        if available == target.count { return SQLITE_OK }
        for i in available..<target.count { target[i] = 0 }
        return SQLITE_IOERR | (2 << 8)
    }

    func write(_ file: File, _ source: UnsafeRawBufferPointer, at offset: Int) -> Int32 {
        let end = offset + source.count
        if end > file.bytes.count, meets(.full) { return SQLITE_FULL }
        if meets(.writeError) { return SQLITE_IOERR | (3 << 8) }
        writes += 1
        if file.bytes.count < end {
            file.bytes.append(contentsOf: repeatElement(0, count: end - file.bytes.count))
        }
        file.bytes.withUnsafeMutableBytes {
            UnsafeMutableRawBufferPointer(rebasing: $0[offset..<end]).copyMemory(from: source)
        }
        for sector in offset / Self.sectorSize...(end - 1) / Self.sectorSize {
            file.unsynced.insert(sector)
        }
        return SQLITE_OK
    }

    func truncate(_ file: File, to size: Int) -> Int32 {
        if meets(.writeError) { return SQLITE_IOERR | (6 << 8) }
        guard size < file.bytes.count else { return SQLITE_OK }
        for sector in size / Self.sectorSize...(file.bytes.count - 1) / Self.sectorSize {
            file.unsynced.insert(sector)
        }
        file.bytes.removeLast(file.bytes.count - size)
        return SQLITE_OK
    }

    func sync(_ file: File) -> Int32 {
        if meets(.syncError) {
            // The data of a failed fsync is neither written nor written later (fsyncgate).
            return SQLITE_IOERR | (4 << 8)
        }
        syncs += 1
        file.makeDurable()
        file.isNamed = true
        return SQLITE_OK
    }
}

extension SimulatedDisk.File {
    /// Copies what was written since the last sync, and not the whole file.
    fileprivate func makeDurable() {
        let size = SimulatedDisk.sectorSize
        if durable.count > bytes.count {
            durable.removeLast(durable.count - bytes.count)
        } else {
            durable.append(contentsOf: bytes[durable.count...])
        }
        for sector in unsynced where sector * size < bytes.count {
            let range = sector * size..<min(bytes.count, sector * size + size)
            durable.replaceSubrange(range, with: bytes[range])
        }
        unsynced.removeAll(keepingCapacity: true)
    }

    /// After a power cut the file has its durable content, and some of its unsynced sectors.
    fileprivate func settle(_ random: inout SplitMix64) {
        let size = SimulatedDisk.sectorSize
        var survived = durable
        for sector in unsynced.sorted() {
            let fate = random.next() % 4
            if fate == 0 { continue }
            let start = sector * size
            // A sector may be torn: its first part new, the rest old.
            let end = min(
                bytes.count, start + (fate == 1 ? Int(random.next() % UInt64(size)) : size))
            guard start < end else { continue }
            if survived.count < end {
                survived.append(contentsOf: repeatElement(0, count: end - survived.count))
            }
            survived.replaceSubrange(start..<end, with: bytes[start..<end])
        }
        // A truncation may have reached the disk, too.
        if bytes.count < survived.count, random.next() & 1 == 0 {
            survived.removeLast(survived.count - bytes.count)
        }
        bytes = survived
        durable = survived
        unsynced.removeAll()
    }
}
