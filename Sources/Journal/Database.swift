import CSQLite
import LiftModel

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A thin typed wrapper over SQLite's C API: statements are prepared once and reused; every result
/// code is checked.
///
/// Confined to the thread that opened it.
final class Database {
    private let handle: OpaquePointer
    private var statements: [String: OpaquePointer] = [:]
    let path: String
    private let turn: WriteTurn
    /// The longest wait of a transaction for others of the process; nil: without a limit.
    private let longestWait: Duration?
    /// Of a read-only connection; retained until the connection is closed.
    private let budget: StepBudget?

    /// What is on the disk when a commit returns.
    enum Durability {
        /// The commit: `synchronous=EXTRA`.
        case synced
        /// Nothing yet: the next synced commit takes this one along, and a power cut before that
        /// takes it back whole (`synchronous=NORMAL`).
        case withTheNext
    }

    /// A route waits no longer for a commit that the disk blocks: the alerts that leave from memory
    /// meanwhile must not wait for receipts of others. The route records those receipts later.
    private static let longestWaitOfRoutes = Duration.seconds(1)

    /// Opens or creates a database in WAL mode.
    /// - Parameters:
    ///   - mayCreate: whether to create a missing file.
    ///   - fileSystem: SQLite's name of the file system (VFS); nil is the system's.
    /// - Throws: `JournalError`, also when SQLite does not take the settings.
    init(
        _ path: String, readOnly: Bool = false, mayCreate: Bool = true, fileSystem: String? = nil,
        durability: Durability = .synced
    ) throws(JournalError) {
        self.path = path
        turn = WriteTurn.of(path)
        longestWait = durability == .withTheNext ? Self.longestWaitOfRoutes : nil
        if readOnly {
            var facts = stat()
            let budget = StepBudget(fileBytes: stat(path, &facts) == 0 ? Int(facts.st_size) : 0)
            self.budget = budget
            handle =
                fileSystem == nil
                ? try Self.openForReading(path, budget)
                : try Self.open(path, path, SQLITE_OPEN_READONLY, fileSystem, budget)
            return
        }
        budget = nil
        handle = try Self.open(
            path, path, SQLITE_OPEN_READWRITE | (mayCreate ? SQLITE_OPEN_CREATE : 0), fileSystem)
        // EXTRA before the file is created: with FULL the unlinking of the first rollback journal
        // is not synced. A power cut can bring that journal back, which would undo the change to
        // WAL and every commit since.
        try execute("PRAGMA synchronous=EXTRA")
        // Debian builds SQLite to overwrite deleted content with zeros: the ring of readings would
        // be written twice.
        try execute("PRAGMA secure_delete=OFF")
        // Small pages, for a new file: a commit of readings changes a few, and each is written to
        // the flash twice.
        try execute("PRAGMA page_size=1024")
        try execute("PRAGMA journal_mode=WAL")
        try execute("PRAGMA wal_autocheckpoint=1000")
        try execute("PRAGMA journal_size_limit=16777216")
        if durability == .withTheNext {
            try execute("PRAGMA synchronous=NORMAL")
            // A checkpoint syncs. The synced commits make one every few seconds; this connection
            // makes one only where there are no synced commits for long.
            try execute("PRAGMA wal_autocheckpoint=10000")
            // The wait for another process that writes.
            sqlite3_busy_timeout(handle, 1_000)
        }
        // A compile-time option of SQLite can override these settings. Durability rests on them, so
        // they are asserted.
        guard try scalar("PRAGMA synchronous") == (durability == .synced ? 3 : 1),
            try text("PRAGMA journal_mode") == "wal"
        else {
            throw JournalError(
                path: path, doing: "asserting synchronous and WAL", code: SQLITE_MISUSE,
                message: "not taken")
        }
        if injected(.syncsNoCommit) { try execute("PRAGMA synchronous=OFF") }
    }

    private static func open(
        _ path: String, _ name: String, _ flags: Int32, _ fileSystem: String?,
        _ budget: StepBudget? = nil
    ) throws(JournalError) -> OpaquePointer {
        var handle: OpaquePointer?
        var (name, flags) = (name, flags | SQLITE_OPEN_NOMUTEX)
        if geteuid() == 0, fileSystem == nil, let resolved = try linkFree(path, in: name) {
            (name, flags) = (resolved, flags | SQLITE_OPEN_NOFOLLOW)
        }
        let result = sqlite3_open_v2(name, &handle, flags, fileSystem)
        guard let handle, result == SQLITE_OK else {
            let message = handle.map { String(cString: sqlite3_errmsg($0)) } ?? "out of memory"
            sqlite3_close_v2(handle)
            throw JournalError(path: path, doing: "opening", code: result, message: message)
        }
        sqlite3_busy_timeout(handle, 10_000)
        // Before the first read: the schema of a hostile file can be endless, too.
        budget?.limit(handle)
        return handle
    }

    /// No record of a journal is longer. A hostile file's longer record would fill the memory.
    private static let longestRecord: Int32 = 256 << 20

    /// Protects a reader against a hostile file: limits the length of records, and refuses views
    /// and computed columns, which no journal has and which can be endless.
    private static func distrust(_ handle: OpaquePointer, _ path: String) throws(JournalError) {
        sqlite3_limit(handle, SQLITE_LIMIT_LENGTH, longestRecord)
        sqlite3_exec(handle, "PRAGMA trusted_schema=OFF", nil, nil, nil)
        var statement: OpaquePointer?
        defer { sqlite3_finalize(statement) }
        let sql = """
            SELECT type || ' ' || name FROM sqlite_schema AS part WHERE type = 'view' OR type = 'table' AND EXISTS
                (SELECT 1 FROM pragma_table_xinfo(part.name) WHERE hidden > 0) LIMIT 1
            """
        // A damaged schema is reported by the statements that follow.
        guard sqlite3_prepare_v2(handle, sql, -1, &statement, nil) == SQLITE_OK,
            sqlite3_step(statement) == SQLITE_ROW
        else { return }
        let found = sqlite3_column_text(statement, 0).map { String(cString: $0) } ?? ""
        throw JournalError(
            path: path, doing: "opening", code: 0,
            message:
                "is not as the gateway writes a journal: found a computed '\(found.prefix(60))'")
    }

    /// Refuses a symbolic link at a journal's path. Root opens journals in folders where the
    /// service's user may write: a link there could make root read or write another file. SQLite
    /// itself follows no link at the path of a `-wal` or a `-shm`.
    /// - Parameter name: the path, or a URI that contains it escaped.
    /// - Returns: the name with the folder's own links resolved; nil where there is no such folder.
    private static func linkFree(_ path: String, in name: String) throws(JournalError) -> String? {
        let (folder, file) = Folder.split(path)
        var facts = stat()
        if lstat(path, &facts) == 0, facts.st_mode & S_IFMT == S_IFLNK {
            throw JournalError(path: path, doing: "opening", code: 0, message: Folder.linkMessage)
        }
        guard let resolved = realpath(folder, nil) else { return nil }
        defer { free(resolved) }
        let whole = String(cString: resolved) + "/" + file
        return name == path ? whole : uri(whole)
    }

    /// A URI that tells SQLite that no process will change the file.
    private static func uri(_ path: String) -> String {
        let escaped = path.utf8.map { byte in
            byte < 0x80 && !"%?#".utf8.contains(byte)
                ? String(UnicodeScalar(byte)) : "%" + String(byte, radix: 16, uppercase: true)
        }
        return "file:\(escaped.joined())?immutable=1"
    }

    /// Even to read, SQLite needs an index of the `-wal` beside it (`-shm`). Where it can create
    /// none, on a full or read-only disk, it reads a journal without a `-wal` only, opened as
    /// immutable.
    private static func openForReading(_ path: String, _ budget: StepBudget) throws(JournalError)
        -> OpaquePointer
    {
        var facts = stat()
        guard stat(path, &facts) == 0 else {
            throw JournalError(
                path: path, doing: "opening", code: 0,
                message: String(cString: strerror(errno)).lowercased())
        }
        guard facts.st_mode & S_IFMT == S_IFREG else {
            throw JournalError(path: path, doing: "opening", code: 0, message: "is no file")
        }
        let handle = try open(path, path, SQLITE_OPEN_READONLY, nil, budget)
        let result = sqlite3_exec(handle, "SELECT count(1) FROM sqlite_schema", nil, nil, nil)
        guard [SQLITE_IOERR, SQLITE_CANTOPEN, SQLITE_FULL, SQLITE_READONLY].contains(result & 0xFF)
        else {
            do throws(JournalError) { try distrust(handle, path) } catch {
                sqlite3_close_v2(handle)
                throw error
            }
            return handle
        }
        sqlite3_close_v2(handle)
        if stat(path + "-wal", &facts) == 0, facts.st_size > 0 {
            throw JournalError(
                path: path, doing: "opening", code: result,
                message:
                    "its -wal cannot be read where nothing may be written; copy both into a folder of your own"
            )
        }
        let copy = try open(path, uri(path), SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, nil, budget)
        do throws(JournalError) { try distrust(copy, path) } catch {
            sqlite3_close_v2(copy)
            throw error
        }
        return copy
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
    func run(_ sql: String, _ values: Value..., row: (Row) -> Void = { _ in }) throws(JournalError)
    {
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
            case SQLITE_ROW:
                if let budget, !budget.takeRow() { throw failure(SQLITE_INTERRUPT, sql) }
                row(Row(statement: statement))
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

    /// All or nothing. The connection's `Durability` says what is on the disk when it returns.
    func transaction<Value>(_ body: () throws(JournalError) -> Value) throws(JournalError) -> Value
    {
        var outcome: Result<Value, JournalError>?
        let hadTurn = turn.take(within: longestWait) {
            do throws(JournalError) { outcome = .success(try transactionInTurn(body)) } catch {
                outcome = .failure(error)
            }
        }
        guard hadTurn, let outcome else {
            throw JournalError(
                path: path, doing: "waiting for its turn to write", code: SQLITE_BUSY,
                message: "the disk has held up another commit for a second; this is tried again")
        }
        return try outcome.get()
    }

    private func transactionInTurn<Value>(_ body: () throws(JournalError) -> Value)
        throws(JournalError) -> Value
    {
        try run("BEGIN IMMEDIATE", values: [])
        do throws(JournalError) {
            let result = try body()
            try run("COMMIT", values: [])
            return result
        } catch {
            // The first failure is the one to report; SQLite may have rolled back by itself.
            sqlite3_exec(handle, "ROLLBACK", nil, nil, nil)
            throw error
        }
    }

    private func prepared(_ sql: String) throws(JournalError) -> OpaquePointer {
        if let statement = statements[sql] { return statement }
        var statement: OpaquePointer?
        let result = sqlite3_prepare_v3(
            handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &statement, nil)
        guard let statement, result == SQLITE_OK else { throw failure(result, sql) }
        statements[sql] = statement
        return statement
    }

    private func failure(_ result: Int32, _ sql: String) -> JournalError {
        if result == SQLITE_INTERRUPT {
            return JournalError(
                path: path, doing: sql, code: SQLITE_CORRUPT,
                message: "reading it comes to no end: its pages are not linked as a journal's")
        }
        return JournalError(
            path: path, doing: sql, code: result, message: String(cString: sqlite3_errmsg(handle)))
    }

    // MARK: Values

    enum Value {
        case integer(Int64)
        case text(String)
        case blob([UInt8])
        case null

        // SQLITE_TRANSIENT: SQLite copies the bytes before the call returns, so they need not
        // outlive it.
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
                    sqlite3_bind_blob64(
                        statement, index, value, UInt64(value.count), Self.transient)
                }
            case .null: sqlite3_bind_null(statement, index)
            }
        }
    }

    struct Row {
        fileprivate let statement: OpaquePointer
        func isNull(_ column: Int32) -> Bool {
            sqlite3_column_type(statement, column) == SQLITE_NULL
        }
        func integer(_ column: Int32) -> Int64 { sqlite3_column_int64(statement, column) }
        func text(_ column: Int32) -> String {
            sqlite3_column_text(statement, column).map { String(cString: $0) } ?? ""
        }
        func blob(_ column: Int32) -> [UInt8] {
            let count = Int(sqlite3_column_bytes(statement, column))
            guard count > 0, let start = sqlite3_column_blob(statement, column) else { return [] }
            // SQLite's memory is valid until the next step: it is copied.
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
    /// The file is there and empty: no journal was made in it yet.
    public internal(set) var isOfEmptyFile = false
    /// What was being done, in a word or two: SQL is no text for a person.
    private var deed: String {
        switch doing.split(whereSeparator: \.isWhitespace).first ?? "" {
        case "SELECT", "WITH": "reading"
        case "INSERT", "REPLACE", "UPDATE", "BEGIN", "COMMIT", "SAVEPOINT", "RELEASE": "writing"
        case "DELETE": "removing old content"
        case "CREATE", "ALTER", "DROP": "changing its form"
        case "PRAGMA": "setting it up"
        case "ATTACH", "DETACH", "VACUUM", "ROLLBACK": "working on it"
        default: doing
        }
    }

    public var description: String {
        let hint =
            isDamage
            ? ". hoistway journal salvage --file \(path) --into NEW saves what can be read" : ""
        return "journal \(path): \(message)"
            + (code == 0 ? "" : " (SQLite \(code), while \(deed))") + hint
    }
}
