import Detection
import FoundationEssentials
import Mosquitto
import PositionedYAML
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Where people's orders reach the daemon, from a command here or from the centre: a folder of small files beside the journal, one
/// for each order.
///
/// A file appears whole (it is renamed into place), and goes when its order is in the journal. What cannot be followed is
/// answered by a file `NAME.refused` that says why; a word of the centre's by an event.
public struct OrderBox: Sendable {
    /// An order that waits, and the centre whose word it is.
    struct Waiting {
        var name: String
        var order: Order
        var word: CentreOrigin?
    }
    /// Of a word that came from a centre: who wants an answer, and how it calls its word.
    struct CentreOrigin: Equatable {
        var centre: String
        var wordID: String?
    }

    static let suffix = ".order"
    private static let mostWaiting = 500
    static let refused = ".refused"
    private static let count = Atomic(0)
    private let folder: String

    public init(stateFolder: String) { folder = stateFolder + "/orders" }

    /// Makes the folder, as the user that will have to remove files from it.
    func prepare() throws(InvalidFiles) {
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        } catch { throw InvalidFiles([Diagnostic(file: folder, message: "cannot be made")]) }
    }

    /// Puts an order in.
    /// - Returns: the name to ask for the answer by. Names sort as the orders were given.
    /// - Throws: `InvalidFiles` when the folder cannot be written, or too much waits in it.
    public func put(_ order: Order) throws(InvalidFiles) -> String { try put(order, from: nil) }

    func put(_ order: Order, from origin: CentreOrigin?) throws(InvalidFiles) -> String {
        guard FileManager.default.fileExists(atPath: folder) else {
            throw InvalidFiles([
                Diagnostic(file: folder, message: "is not there: the gateway makes it when it first runs")
            ])
        }
        // Of a centre that says more than can be followed: it says again what is not answered.
        if origin != nil, files.count >= Self.mostWaiting {
            throw InvalidFiles([
                Diagnostic(file: folder, message: "\(Self.mostWaiting) orders wait; no more words are taken")
            ])
        }
        let digits = String(MonotonicClock.wallNanoseconds)
        let count = Self.count.add(1, ordering: .relaxed).newValue
        let name = String(repeating: "0", count: max(0, 20 - digits.count)) + "\(digits)-\(getpid())-\(count)"
        let path = folder + "/" + name + Self.suffix
        var lines = [order.line]
        if let origin { lines += [origin.centre, origin.wordID ?? ""] }
        guard Files.replace(path, with: Array(lines.joined(separator: "\n").utf8), isDurable: true) else {
            throw InvalidFiles([
                Diagnostic(file: path, message: "cannot be written: run this as the gateway's user or as root")
            ])
        }
        return name
    }

    /// What became of an order: nil while it waits.
    public func answer(name: String) -> Result<Void, InvalidFiles>? {
        let refusal = folder + "/" + name + Self.refused
        if let data = FileManager.default.contents(atPath: refusal) {
            try? FileManager.default.removeItem(atPath: refusal)
            return .failure(InvalidFiles([Diagnostic(file: "order", message: String(decoding: data, as: UTF8.self))]))
        }
        return FileManager.default.fileExists(atPath: folder + "/" + name + Self.suffix) ? nil : .success(())
    }

    private var files: [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).filter { $0.hasSuffix(Self.suffix) }
    }

    /// The first orders that wait, in their order. An unreadable one is refused on the way.
    func waiting(upTo most: Int) -> [Waiting] {
        files.sorted().prefix(most).compactMap { file in
            let name = String(file.dropLast(Self.suffix.count))
            let data = FileManager.default.contents(atPath: folder + "/" + file) ?? Data()
            let lines = String(decoding: data, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
            guard let order = lines.first.flatMap({ Order(line: String($0)) }) else {
                refuse(name, because: "the order cannot be read")
                return nil
            }
            let origin =
                lines.count < 3
                ? nil : CentreOrigin(centre: String(lines[1]), wordID: lines[2].isEmpty ? nil : String(lines[2]))
            return Waiting(name: name, order: order, word: origin)
        }
    }

    // MARK: Self-test

    private var selfTestRequest: String { folder + "/selftest.request" }

    /// Asks the gateway for a self-test.
    /// - Throws: `InvalidFiles` when the folder cannot be written.
    public func requestSelfTest() throws(InvalidFiles) {
        guard Files.replace(selfTestRequest, with: []) else {
            throw InvalidFiles([
                Diagnostic(
                    file: selfTestRequest,
                    message: "cannot be written: run this as the gateway's user or as root, once the gateway has run")
            ])
        }
    }

    /// Whether somebody has asked since the last call.
    func takeSelfTestRequest() -> Bool {
        guard FileManager.default.fileExists(atPath: selfTestRequest) else { return false }
        try? FileManager.default.removeItem(atPath: selfTestRequest)
        return true
    }

    func isWaiting(_ name: String) -> Bool {
        FileManager.default.fileExists(atPath: folder + "/" + name + Self.suffix)
    }

    /// The order is in the journal.
    /// - Returns: whether its file is gone.
    @discardableResult
    func followed(_ name: String) -> Bool {
        try? FileManager.default.removeItem(atPath: folder + "/" + name + Self.suffix)
        return !isWaiting(name)
    }

    func refuse(_ name: String, because reason: String) {
        Files.replace(folder + "/" + name + Self.refused, with: Array(reason.utf8))
        followed(name)
    }
}
