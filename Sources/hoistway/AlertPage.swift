import Encoding
import FoundationEssentials
import Gateway
import Journal
import LiftModel

/// One alert with all its revisions, for a person to read.
struct AlertPage {
    /// The members of a revision's event that are shown.
    private struct Event: Decodable {
        struct Title: Decodable { var en: String }
        struct Lift: Decodable {
            var place: String?
            var rescueCode: String?
        }
        struct Rule: Decodable {
            var name: String
            var version: String
        }
        struct Statement: Decodable {
            var by: String
            var people: Int?
            var condition: String?
            var knownBy: String?
            var remark: String?
        }
        struct Content: Decodable {
            var severity: String
            var reason: String
            var onset: String
            var title: Title
            var lift: Lift?
            var rule: Rule?
            var occupancy: String?
            var floor: Double?
            var codes: [String]?
            var vendorCode: String?
            var statement: Statement?
            var test: Bool?
        }
        var data: Content
    }

    /// The revisions of one alert, the newest last.
    let revisions: [Journal.StoredAlert]

    var text: String {
        guard let newest = revisions.last else { return "" }
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        var unreadable: [String] = []
        let contents = revisions.map { revision -> Event.Content? in
            do { return try decoder.decode(Event.self, from: Data(revision.body)).data } catch {
                unreadable.append("/\(revision.revision)")
                return nil
            }
        }
        let content = contents.last ?? nil
        let onset = content.flatMap { Instant(rfc3339: $0.onset)?.local }
        var lines = [
            styled("\(newest.kind) \(newest.state)", "1") + "  lift \(newest.lift)"
                + (content?.lift?.place.map { " (\($0))" } ?? "")
        ]
        if let content { lines.append(content.title.en) }
        if content?.test == true {
            lines.append("This is the gateway's self-test: nobody is trapped.")
        }
        lines += ["alert \(newest.id)" + (onset.map { ", since \($0)" } ?? ""), ""]
        let rows = table(
            zip(revisions, contents).map { revision, content in
                [
                    "/\(revision.revision)", revision.calendarTime.local, revision.state,
                    content?.reason ?? "",
                    revision.delivery,
                ]
            }
        ).split(separator: "\n")
        for (row, content) in zip(rows, contents) {
            lines.append(String(row))
            // The statement is shown below the revision that contains it.
            if let statement = content?.statement {
                lines += wrapped("      " + Self.sentence(statement), to: 80)
            }
        }
        if let content { lines += [""] + Self.facts(content) }
        if !unreadable.isEmpty {
            lines += wrapped(
                "The event of \(unreadable.joined(separator: ", ")) cannot be read: it is damaged, or another version wrote it. hoistway journal verify says more.",
                to: 80)
        }
        return lines.joined(separator: "\n")
    }

    private static func sentence(_ statement: Event.Statement) -> String {
        let details = [
            statement.people.map { counted($0, "person", "people") }, statement.condition,
            statement.knownBy.map { "known by \($0)" }, statement.remark,
        ].compactMap { $0 }
        return "\(statement.by) says"
            + (details.isEmpty ? " so" : ": " + details.joined(separator: "; "))
    }

    private static func facts(_ content: Event.Content) -> [String] {
        let codes =
            (content.codes ?? [])
            + (content.vendorCode.map { ["\($0) (the controller's own)"] } ?? [])
        let floor = content.floor.map { Int(exactly: $0).map(String.init) ?? String($0) }
        let facts: [(name: String, fact: String?)] = [
            ("severity", content.severity),
            ("people inside", content.occupancy),
            ("floor", floor),
            ("codes", codes.isEmpty ? nil : codes.joined(separator: ", ")),
            ("rescue code", content.lift?.rescueCode),
            ("rule", content.rule.map { "\($0.name), version \($0.version)" }),
        ]
        return facts.compactMap { name, fact in fact.map { column(name, 16) + $0 } }
    }
}

extension Journal.StoredAlert {
    /// How far the revision is delivered.
    var delivery: String { isRefused ? "refused" : isPending ? "not stored yet" : "stored" }
}

extension Journal {
    /// The complete id of the alert whose beginning a person gives, as `journal list` shows it,
    /// with or without a revision.
    /// - Throws: `Unknown` where no alert or several ones match.
    func alertID(beginning text: String) throws -> String {
        let beginning = String(text.prefix { $0 != "/" })
        return try only(
            Set(beginning.isEmpty ? [] : try alerts(id: beginning).map(\.id)), named: text,
            none: "The journal has no alert '\(text)'. hoistway journal list shows what it has.")
    }

    /// The same for a refused event.
    func refusedEventID(beginning text: String) throws -> String {
        try only(
            Set(try deadLetters().map(\.eventID).filter { $0.hasPrefix(text) }), named: text,
            none:
                "No centre has refused '\(text)'. hoistway journal refused shows what was refused.")
    }

    private func only(_ ids: Set<String>, named text: String, none: String) throws -> String {
        guard let first = ids.first else { throw Unknown(description: none) }
        if ids.contains(text) { return text }
        guard ids.count == 1 else {
            throw Unknown(
                description:
                    "'\(text)' may be any of \(ids.sorted().prefix(5).joined(separator: ", ")); give more of it."
            )
        }
        return first
    }

    /// The given beginning matches nothing, or several ids.
    private struct Unknown: Error, CustomStringConvertible { var description: String }
}
