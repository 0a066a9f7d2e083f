import Detection
import FoundationEssentials
import PositionedYAML

/// Where a person's orders reach the daemon: a folder of small files beside the journal, one for each order.
///
/// A file appears whole (it is renamed into place), and goes when its order is in the journal. What cannot be followed is
/// answered by a file `NAME.refused` that says why.
public struct OrderBox: Sendable {
    static let suffix = ".order"
    static let refused = ".refused"
    private let folder: String

    public init(stateFolder: String) { folder = stateFolder + "/orders" }

    /// Makes the folder, as the user that will have to remove files from it.
    func prepare() throws(InvalidFiles) {
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        } catch { throw InvalidFiles([Diagnostic(file: folder, message: "cannot be made")]) }
    }

    /// Puts an order in.
    /// - Parameter name: of its file, without suffix; the earlier in the alphabet is followed first.
    /// - Throws: `InvalidFiles` when the folder cannot be written.
    public func put(_ order: Order, name: String) throws(InvalidFiles) {
        guard FileManager.default.fileExists(atPath: folder) else {
            throw InvalidFiles([
                Diagnostic(file: folder, message: "is not there: the gateway makes it when it first runs")
            ])
        }
        let path = folder + "/" + name + Self.suffix
        guard Files.replace(path, with: Array(order.line.utf8)) else {
            throw InvalidFiles([
                Diagnostic(file: path, message: "cannot be written: run this as the gateway's user or as root")
            ])
        }
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

    /// The orders that wait, the first first. An unreadable one is refused on the way.
    func waiting() -> [(name: String, order: Order)] {
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: folder) else { return [] }
        return names.filter { $0.hasSuffix(Self.suffix) }.sorted().compactMap { file in
            let name = String(file.dropLast(Self.suffix.count))
            let data = FileManager.default.contents(atPath: folder + "/" + file) ?? Data()
            if let order = Order(line: String(decoding: data, as: UTF8.self)) { return (name, order) }
            refuse(name, because: "the order cannot be read")
            return nil
        }
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
