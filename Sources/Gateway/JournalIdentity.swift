import Detection
import Elevator
import FoundationEssentials
import Journal
import Uplink

/// Which journal this is: a random UUID in a file beside it, made at the first start. With the site it is a part of every alert's id,
/// so that no two journals give the same id to different alerts.
///
/// The file is not the journal's: a journal that is damaged, salvaged or lost is followed by one of the same identity.
struct JournalIdentity {
    /// The journal's batches up to this one were judged by a version without identities: folded again, they give its ids.
    static let unnamedCounter = "unnamed_through"

    private let path: String
    private(set) var text: String?

    init(besideJournal path: String) { self.path = path + ".identity" }

    /// Reads the identity, or makes it.
    /// - Parameter journal: on disk; nil where the disk takes no file: the identity then waits in memory for one that does.
    /// - Returns: the identity, and whether it could be kept.
    mutating func take(for journal: Journal?) -> (text: String, isKept: Bool) {
        if let known = Self.read(path) {
            text = known
            return (known, true)
        }
        let made = text ?? UUID().uuidString.lowercased()
        text = made
        guard let journal else { return (made, false) }
        // First the mark: a power cut between the two leaves a journal of the old kind.
        do throws(JournalError) {
            if journal.lastSequence > 0 { try journal.set(Self.unnamedCounter, journal.lastSequence) }
        } catch { return (made, false) }
        return (made, Files.replace(path, with: Array((made + "\n").utf8), isDurable: true))
    }

    private static func read(_ path: String) -> String? {
        guard let data = FileManager.default.contents(atPath: path) else { return nil }
        let text = String(decoding: data, as: UTF8.self).filter { !$0.isWhitespace }
        return UUID(uuidString: text) == nil ? nil : text.lowercased()
    }
}

extension AlertEvent.Site {
    /// Whose the alerts of this site are.
    var origin: AlertOrigin { AlertOrigin(site: id, journal: journal ?? AlertOrigin.replayed) }
}
