import Contract
import Journal
import LiftModel
import PositionedYAML

/// Why the gateway's last start or run failed, for a person who asks for its status: a gateway that
/// has ended writes none. A file in the state folder, which the next start that succeeds removes.
public struct LastFailure: Equatable, Sendable {
    public var time: Instant
    /// One line for each cause, without control characters.
    public var causes: [String]

    private static let name = "last-failure"
    private static let mostBytes = 64 << 10

    /// - Returns: nil for an error that is no failure of the service: another gateway runs, or a
    ///   person has started it as the wrong user.
    public init?(_ error: any Error, at time: Instant) {
        self.time = time
        switch error {
        case is CannotRun: return nil
        case let files as InvalidFiles: causes = files.diagnostics.map(\.description)
        default: causes = ["\(error)"]
        }
        causes = causes.map(printable)
    }

    /// A disk that takes nothing keeps no cause: the log has it.
    public func keep(in stateFolder: String) {
        let text = ([time.rfc3339] + causes).joined(separator: "\n")
        _ = Files.replace(stateFolder + "/" + Self.name, with: Array(text.utf8))
    }

    static func forget(in stateFolder: String) {
        // A folder that cannot be opened holds no failure that this could remove.
        try? Folder(stateFolder).remove(name)
    }

    /// - Returns: nil where the last start succeeded.
    /// - Throws: `Folder.Problem`, above all where this user may not read the folder.
    public init?(of stateFolder: String) throws(Folder.Problem) {
        guard let bytes = try Folder(stateFolder).contents(Self.name, upTo: Self.mostBytes) else {
            return nil
        }
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
        guard let first = lines.first, let time = Instant(rfc3339: String(first)) else {
            return nil
        }
        self.time = time
        causes = lines.dropFirst().map { printable(String($0)) }
    }
}
