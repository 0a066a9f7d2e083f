import CSQLite

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A thin typed wrapper over SQLite's C API: statements are prepared once and reused; every result code is looked at.
///
/// Confined to the thread that opened it.
final class Database {
    private let handle: OpaquePointer
    private var statements: [String: OpaquePointer] = [:]
    let path: String
    private let turn: WriteTurn

    /// How sure a commit is when it returns.
    enum Durability {
        /// On disk: `synchronous=EXTRA`.
        case synced
        /// With the next commit that is synced; a power cut before that takes it back whole: `synchronous=NORMAL`.
        case withTheNext
    }

    /// Opens or creates a database in WAL mode.
    /// - Throws: `JournalError`, also when SQLite does not take the settings.
    /// - Parameter fileSystem: SQLite's name of it (VFS); nil is the system's.
    init(
        _ path: String, readOnly: Bool = false, fileSystem: String? = nil, durability: Durability = .synced
    ) throws(JournalError) {
        self.path = path
        turn = WriteTurn.of(path)
        handle =
            readOnly && fileSystem == nil
            ? try Self.openForReading(path)
            : try Self.open(
                path, path, readOnly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, fileSystem)
        if readOnly { return }
        // EXTRA before the file is made: with FULL the unlinking of its first rollback journal is not synced, and a power cut
        // that brings it back would undo the change to WAL and all that was committed since.
        try execute("PRAGMA synchronous=EXTRA")
        // Debian builds SQLite to overwrite what is deleted with zeros: a ring would be written twice.
        try execute("PRAGMA secure_delete=OFF")
        // Small pages, for a new file: a commit of readings changes a few, and each goes to the flash twice.
        try execute("PRAGMA page_size=1024")
        try execute("PRAGMA journal_mode=WAL")
        try execute("PRAGMA wal_autocheckpoint=1000")
        try execute("PRAGMA journal_size_limit=16777216")
        // Whoever sets these can be overruled by a compile-time option; a promise rests on them, so they are asserted.
        if durability == .withTheNext { try execute("PRAGMA synchronous=NORMAL") }
        guard try scalar("PRAGMA synchronous") == (durability == .synced ? 3 : 1),
            try text("PRAGMA journal_mode") == "wal"
        else {
            throw JournalError(
                path: path, doing: "asserting synchronous and WAL", code: SQLITE_MISUSE, message: "not taken")
        }
    }

    private static func open(
        _ path: String, _ name: String, _ flags: Int32, _ fileSystem: String?
    ) throws(JournalError) -> OpaquePointer {
        var handle: OpaquePointer?
        let result = sqlite3_open_v2(name, &handle, flags | SQLITE_OPEN_NOMUTEX, fileSystem)
        guard let handle, result == SQLITE_OK else {
            let message = handle.map { String(cString: sqlite3_errmsg($0)) } ?? "out of memory"
            sqlite3_close_v2(handle)
            throw JournalError(path: path, doing: "opening", code: result, message: message)
        }
        sqlite3_busy_timeout(handle, 10_000)
        return handle
    }

    /// Even to read, SQLite wants an index of the `-wal` beside it (`-shm`); where it can make none, on a disk that is full or read-only,
    /// it reads only a journal without a `-wal`, and only told that nobody will change it.
    private static func openForReading(_ path: String) throws(JournalError) -> OpaquePointer {
        var facts = stat()
        guard stat(path, &facts) == 0 else {
            throw JournalError(
                path: path, doing: "opening", code: 0, message: String(cString: strerror(errno)).lowercased())
        }
        guard facts.st_mode & S_IFMT == S_IFREG else {
            throw JournalError(path: path, doing: "opening", code: 0, message: "is no file")
        }
        let handle = try open(path, path, SQLITE_OPEN_READONLY, nil)
        let result = sqlite3_exec(handle, "SELECT count(*) FROM sqlite_schema", nil, nil, nil)
        guard [SQLITE_IOERR, SQLITE_CANTOPEN, SQLITE_FULL, SQLITE_READONLY].contains(result & 0xFF) else {
            return handle
        }
        sqlite3_close_v2(handle)
        if stat(path + "-wal", &facts) == 0, facts.st_size > 0 {
            throw JournalError(
                path: path, doing: "opening", code: result,
                message: "its -wal cannot be read where nothing may be written; copy both into a folder of your own")
        }
        let escaped = path.utf8.map { byte in
            byte < 0x80 && !"%?#".utf8.contains(byte)
                ? String(UnicodeScalar(byte)) : "%" + String(byte, radix: 16, uppercase: true)
        }
        return try open(path, "file:\(escaped.joined())?immutable=1", SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, nil)
    }

    deinit {
        for statement in statements.values { sqlite3_finalize(statement) }
        sqlite3_close_v2(handle)
    }

    // MARK: Statements

    func execute(_ sql: String) throws(JournalError) {
        let result = sqlite3_exec(handle, sql, nil, nil, nil)
        if result != SQLITE_OK { throw failure(result, sql) }
    }

    /// Runs a statement with its values bound; visits each row.
    func run(_ sql: String, _ values: Value..., row: (Row) -> Void = { _ in }) throws(JournalError) {
        try run(sql, values: values, row: row)
    }

    func run(_ sql: String, values: [Value], row: (Row) -> Void = { _ in }) throws(JournalError) {
        let statement = try prepared(sql)
        defer {
            sqlite3_reset(statement)
            sqlite3_clear_bindings(statement)
        }
        for (index, value) in values.enumerated() { value.bind(statement, Int32(index + 1)) }
        while true {
            switch sqlite3_step(statement) {
            case SQLITE_ROW: row(Row(statement: statement))
            case SQLITE_DONE: return
            case let result: throw failure(result, sql)
            }
        }
    }

    func scalar(_ sql: String, _ values: Value...) throws(JournalError) -> Int64? {
        var found: Int64?
        try run(sql, values: values) { if !$0.isNull(0) { found = $0.integer(0) } }
        return found
    }

    func text(_ sql: String, _ values: Value...) throws(JournalError) -> String? {
        var found: String?
        try run(sql, values: values) { found = $0.text(0) }
        return found
    }

    /// All or nothing; how sure it is when it returns is the connection's `Durability`.
    func transaction<Value>(_ body: () throws(JournalError) -> Value) throws(JournalError) -> Value {
        var outcome: Result<Value, JournalError>?
        turn.take {
            do throws(JournalError) { outcome = .success(try transactionInTurn(body)) } catch {
                outcome = .failure(error)
            }
        }
        guard let outcome else {
            throw JournalError(path: path, doing: "a transaction", code: SQLITE_MISUSE, message: "")
        }
        return try outcome.get()
    }

    private func transactionInTurn<Value>(_ body: () throws(JournalError) -> Value) throws(JournalError) -> Value {
        try execute("BEGIN IMMEDIATE")
        do throws(JournalError) {
            let result = try body()
            try execute("COMMIT")
            return result
        } catch {
            // The first failure is the one to report; SQLite may have rolled back by itself.
            sqlite3_exec(handle, "ROLLBACK", nil, nil, nil)
            throw error
        }
    }

    private func prepared(_ sql: String) throws(JournalError) -> OpaquePointer {
        if let known = statements[sql] { return known }
        var statement: OpaquePointer?
        let result = sqlite3_prepare_v3(handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &statement, nil)
        guard let statement, result == SQLITE_OK else { throw failure(result, sql) }
        statements[sql] = statement
        return statement
    }

    private func failure(_ result: Int32, _ sql: String) -> JournalError {
        JournalError(path: path, doing: sql, code: result, message: String(cString: sqlite3_errmsg(handle)))
    }

    // MARK: Values

    enum Value {
        case integer(Int64)
        case text(String)
        case blob([UInt8])
        case null

        // SQLITE_TRANSIENT: SQLite copies the bytes before the call returns, so they need not outlive it.
        private static let transient = unsafeBitCast(-1, to: sqlite3_destructor_type.self)

        fileprivate func bind(_ statement: OpaquePointer, _ index: Int32) {
            switch self {
            case .integer(let value): sqlite3_bind_int64(statement, index, value)
            case .text(let value): sqlite3_bind_text(statement, index, value, -1, Self.transient)
            case .blob(let value):
                // An empty array has no address, and a null address would bind NULL.
                if value.isEmpty {
                    sqlite3_bind_zeroblob(statement, index, 0)
                } else {
                    sqlite3_bind_blob64(statement, index, value, UInt64(value.count), Self.transient)
                }
            case .null: sqlite3_bind_null(statement, index)
            }
        }
    }

    struct Row {
        fileprivate let statement: OpaquePointer
        func isNull(_ column: Int32) -> Bool { sqlite3_column_type(statement, column) == SQLITE_NULL }
        func integer(_ column: Int32) -> Int64 { sqlite3_column_int64(statement, column) }
        func text(_ column: Int32) -> String {
            sqlite3_column_text(statement, column).map { String(cString: $0) } ?? ""
        }
        func blob(_ column: Int32) -> [UInt8] {
            let count = Int(sqlite3_column_bytes(statement, column))
            guard count > 0, let start = sqlite3_column_blob(statement, column) else { return [] }
            return Array(UnsafeRawBufferPointer(start: start, count: count))
        }
    }
}

/// The journal could not be read or written.
public struct JournalError: Error, CustomStringConvertible, Sendable {
    public var path: String
    public var doing: String
    public var code: Int32
    public var message: String
    public var description: String {
        let hint = isDamage ? ". hoistway journal salvage --file \(path) --into NEW saves what can be read" : ""
        return "journal \(path): \(message)" + (code == 0 ? "" : " (SQLite \(code), while \(doing))") + hint
    }
}
