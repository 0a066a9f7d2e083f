import Contract
import FoundationEssentials
import GatewayCore
import Journal
import LiftModel
import Monitoring

/// The identity of a journal: a random UUID in a file beside it, created at the first start. With
/// the site it is a part of every alert's id, so that no two journals give the same id to different
/// alerts.
///
/// The file outlives the journal: a damaged, salvaged or lost journal is followed by one of the
/// same identity.
struct JournalIdentity {
    private let path: String
    private(set) var text: String?

    init(besideJournal path: String) { self.path = path + ".identity" }

    /// Reads the identity, or creates it.
    /// - Parameter journal: the journal on disk; nil where the disk takes no file. The identity
    ///   then stays in memory until one does.
    /// - Returns: the identity, and whether it is stored.
    mutating func take(for journal: Journal?) -> (text: String, isStored: Bool) {
        if let known = Self.read(path) {
            text = known
            return (known, true)
        }
        let made = text ?? UUID().uuidString.lowercased()
        text = made
        guard let journal else { return (made, false) }
        // The mark comes first: a power cut between the two leaves a journal without an identity.
        do throws(JournalError) {
            if journal.lastSequence > 0 {
                try journal.set(Recovery.unnamedCounter, journal.lastSequence)
            }
        } catch { return (made, false) }
        return (made, Files.replace(path, with: Array((made + "\n").utf8), isDurable: true))
    }

    private static func read(_ path: String) -> String? {
        guard let data = FileManager.default.contents(atPath: path) else { return nil }
        let text = String(decoding: data, as: UTF8.self).filter { !$0.isWhitespace }
        return UUID(uuidString: text) == nil ? nil : text.lowercased()
    }
}
