#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A program that runs beside others. Its output is written to files, so that no pipe fills.
final class Command {
    private var pid: pid_t = 0
    private let folder: String
    private let name: String

    /// - Throws: `CommandError` where the program cannot be started.
    init(_ arguments: [String], folder: String, name: String) throws(CommandError) {
        self.folder = folder
        self.name = name
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        let flags = O_WRONLY | O_CREAT | O_TRUNC
        posix_spawn_file_actions_addopen(&actions, 1, "\(folder)/\(name).out", flags, 0o600)
        posix_spawn_file_actions_addopen(&actions, 2, "\(folder)/\(name).err", flags, 0o600)
        var argv: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        defer { for argument in argv { free(argument) } }
        let result = posix_spawn(&pid, arguments[0], &actions, nil, &argv, environ)
        if result != 0 {
            throw CommandError(program: arguments[0], reason: String(cString: strerror(result)))
        }
    }

    /// Waits for the program's end.
    func finish() -> (status: Int32, output: String, errors: String) {
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        let code = status & 0x7F == 0 ? status >> 8 & 0xFF : -(status & 0x7F)
        return (code, read("\(folder)/\(name).out") ?? "", read("\(folder)/\(name).err") ?? "")
    }
}

struct CommandError: Error, CustomStringConvertible {
    let program: String
    let reason: String
    var description: String { "\(program) cannot be started: \(reason)" }
}

/// The whole file as text, with bytes that are not UTF-8 replaced; nil where it cannot be read.
func read(_ path: String) -> String? {
    guard let file = fopen(path, "r") else { return nil }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 1 << 16)
    while case let count = fread(&piece, 1, piece.count, file), count > 0 {
        bytes += piece[..<count]
    }
    return String(decoding: bytes, as: UTF8.self)
}
