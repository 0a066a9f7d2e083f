import FoundationEssentials
import GatewayCore
import Journal
import Monitoring
import Platform
import PositionedYAML
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The inbox through which operator actions reach the daemon, from a command on this box or from a
/// centre: a folder beside the journal with one small file for each action.
///
/// A file appears whole (it is renamed into place) and is removed when its action is in the
/// journal. A refused action of a command is answered by a file `NAME.refused` with the reason, a
/// refused command of a centre by an event.
///
/// Root's commands work in this folder, which the service's user owns: neither follows a link in it
/// (`Folder`).
public struct ActionInbox: Sendable {
    static let suffix = ".order"
    private static let mostPending = 500
    static let refused = ".refused"
    /// The files of an action and of a refusal are a few lines long.
    private static let longestFile = 1 << 16
    private static let count = Atomic(0)
    private let stateFolder: String
    private let folder: String

    public init(stateFolder: String) {
        self.stateFolder = stateFolder
        folder = stateFolder + "/orders"
    }

    private func open() throws(Folder.Problem) -> Folder {
        try Folder(stateFolder).subfolder("orders")
    }

    /// Creates the folder as the user that later removes files from it.
    func prepare() throws(InvalidFiles) {
        do {
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true)
            try open().removeLeftovers()
        } catch {
            throw InvalidFiles([Diagnostic(file: folder, message: "cannot be made: \(error)")])
        }
    }

    /// Adds an action.
    /// - Returns: the name to ask for the answer by. Names sort in the order in which they were
    ///   given.
    /// - Throws: `InvalidFiles` when the folder cannot be written, or too many actions are pending.
    public func put(_ action: OperatorAction) throws(InvalidFiles) -> String {
        try put(action, from: nil)
    }

    func put(_ action: OperatorAction, from origin: SubmittedAction.Origin?) throws(InvalidFiles)
        -> String
    {
        guard OperatorAction(line: action.line) == action, !action.line.contains("\n") else {
            throw InvalidFiles([
                Diagnostic(
                    file: "action",
                    message:
                        "a name or a reason has a line break or another control character; expected a line of text"
                )
            ])
        }
        // A centre may send more commands than the loop can apply: it repeats those that are not
        // answered.
        if origin != nil, try waiting >= Self.mostPending {
            throw InvalidFiles([
                Diagnostic(
                    file: folder,
                    message:
                        "\(Self.mostPending) operator actions wait; no further command is taken")
            ])
        }
        let digits = String(MonotonicClock.wallNanoseconds)
        let count = Self.count.add(1, ordering: .relaxed).newValue
        let name =
            String(repeating: "0", count: max(0, 20 - digits.count))
            + "\(digits)-\(getpid())-\(count)"
        var lines = [action.line]
        if let origin { lines += [origin.centre, origin.commandID ?? ""] }
        try write(name + Self.suffix, Array(lines.joined(separator: "\n").utf8))
        return name
    }

    /// - Throws: `InvalidFiles` with what to do.
    /// - Parameter isDurable: the file must survive a power cut, which takes a sync.
    private func write(_ name: String, _ bytes: [UInt8], isDurable: Bool = true)
        throws(InvalidFiles)
    {
        do throws(Folder.Problem) {
            try open().replace(name, with: bytes, isDurable: isDurable)
        } catch {
            let hint =
                switch error.code {
                case ENOENT: ". The gateway makes this folder when it first runs"
                case EACCES, EPERM: ". Run this as the gateway's user or as root"
                default: ""
                }
            throw InvalidFiles([Diagnostic(file: error.path, message: error.message + hint)])
        }
    }

    /// The outcome of an action; nil while it is pending.
    public func answer(name: String) -> Result<Void, InvalidFiles>? {
        do throws(Folder.Problem) {
            let inbox = try open()
            if let text = try inbox.contents(name + Self.refused, upTo: Self.longestFile) {
                inbox.remove(name + Self.refused)
                let reason = String(decoding: text, as: UTF8.self)
                let message =
                    OperatorAction(line: String(reason.prefix { $0 != "\n" })) == nil
                    ? reason
                    : "was refused, and the disk has no room for the reason: journalctl -u hoistway has it"
                return .failure(InvalidFiles([Diagnostic(file: "action", message: message)]))
            }
            return inbox.has(name + Self.suffix) ? nil : .success(())
        } catch { return .failure(InvalidFiles(error)) }
    }

    private func files(in inbox: borrowing Folder) throws(Folder.Problem) -> [String] {
        try inbox.names().filter { $0.hasSuffix(Self.suffix) }
    }

    /// The number of pending actions.
    private var waiting: Int {
        get throws(InvalidFiles) {
            do throws(Folder.Problem) { return try files(in: open()).count } catch {
                throw InvalidFiles(error)
            }
        }
    }

    /// The oldest pending actions in the order in which they were given. An unreadable file is
    /// refused on the way.
    /// - Throws: `Folder.Problem` where the folder cannot be read.
    func pendingActions(upTo most: Int) throws(Folder.Problem) -> [SubmittedAction] {
        let inbox = try open()
        var actions: [SubmittedAction] = []
        for file in try files(in: inbox).sorted().prefix(most) {
            let name = String(file.dropLast(Self.suffix.count))
            let bytes: [UInt8]
            do throws(Folder.Problem) {
                bytes = try inbox.contents(file, upTo: Self.longestFile) ?? []
            } catch {
                // A link, a folder or a file that is too long is no action. Any other error is this
                // box's own and may pass.
                guard [0, ELOOP, EFBIG].contains(error.code) else { continue }
                bytes = []
            }
            let lines = String(decoding: bytes, as: UTF8.self).split(
                separator: "\n", omittingEmptySubsequences: false)
            guard let action = lines.first.flatMap({ OperatorAction(line: String($0)) }) else {
                refuse(name, because: "the action cannot be read")
                continue
            }
            let origin =
                lines.count < 3
                ? nil
                : SubmittedAction.Origin(
                    centre: String(lines[1]), commandID: lines[2].isEmpty ? nil : String(lines[2]))
            actions.append(SubmittedAction(name: name, action: action, origin: origin))
        }
        return actions
    }

    // MARK: Self-test

    private static let selfTestRequest = "selftest.request"

    /// Asks the gateway for a self-test.
    /// - Throws: `InvalidFiles` when the folder cannot be written.
    public func requestSelfTest() throws(InvalidFiles) { try write(Self.selfTestRequest, []) }

    /// Whether a self-test was requested since the last call.
    func takeSelfTestRequest() -> Bool {
        // The loop, which takes the actions of the same folder, reports one that cannot be opened.
        guard let inbox = try? open(), inbox.has(Self.selfTestRequest) else { return false }
        inbox.remove(Self.selfTestRequest)
        return true
    }

    // MARK: The loop's side

    /// - Throws: `Folder.Problem` where the pending actions cannot be read.
    func check() throws(Folder.Problem) { _ = try open().names() }

    /// An action in a folder that cannot be opened counts as pending: it must not be applied again
    /// when the folder can be opened.
    func isPending(_ name: String) -> Bool {
        do throws(Folder.Problem) { return try open().has(name + Self.suffix) } catch {
            return error.code != ENOENT
        }
    }

    /// Removes the file of an action that is in the journal.
    /// - Returns: whether its file is gone.
    @discardableResult
    func complete(_ name: String) -> Bool {
        do throws(Folder.Problem) { try open().remove(name + Self.suffix) } catch {
            return error.code == ENOENT
        }
        return !isPending(name)
    }

    func refuse(_ name: String, because reason: String) {
        do throws(InvalidFiles) {
            // Without a sync: this is the loop's thread, and the answer matters only to the command
            // that waits for it now.
            try write(name + Self.refused, Array(reason.utf8), isDurable: false)
            complete(name)
        } catch {
            // A full disk has no room for the reason; the command must not take the action for
            // applied.
            do throws(Folder.Problem) {
                try open().rename(name + Self.suffix, to: name + Self.refused)
            } catch {
                complete(name)
            }
        }
    }
}
