import Contract
import Gateway
import Journal
import LiftModel

/// One alert with all its revisions, for a person to read.
struct AlertPage {
    /// The revisions of one alert, the newest last.
    let revisions: [Journal.StoredAlert]

    var text: String {
        guard let newest = revisions.last else { return "" }
        let events = revisions.map { WrittenAlert($0.body) }
        let unreadable = zip(revisions, events).filter { $1 == nil }.map { "/\($0.0.revision)" }
        let event = events.last ?? nil
        let content = event?.data
        let onset = event?.onset?.local
        var lines = [
            styled("\(newest.kind) \(newest.state)", "1") + "  lift \(newest.lift)"
                + (content?.lift?.place.map { " (\($0))" } ?? "")
        ]
        if let content { lines.append(content.title.en) }
        if event?.isTest == true {
            lines.append("This is the gateway's self-test: nobody is trapped.")
        }
        lines += ["alert \(newest.id)" + (onset.map { ", since \($0)" } ?? ""), ""]
        let rows = table(
            zip(revisions, events).map { revision, event in
                [
                    "/\(revision.revision)", revision.calendarTime.local, revision.state,
                    event?.data.reason ?? "",
                    revision.delivery,
                ]
            }
        ).split(separator: "\n")
        for (row, event) in zip(rows, events) {
            lines.append(String(row))
            // The statement is shown below the revision that contains it.
            if let statement = event?.data.statement {
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

    private static func sentence(_ statement: WrittenAlert.Statement) -> String {
        let details = [
            statement.people.map { counted($0, "person", "people") }, statement.condition,
            statement.knownBy.map { "known by \($0)" }, statement.remark,
        ].compactMap { $0 }
        return "\(statement.by) says"
            + (details.isEmpty ? " so" : ": " + details.joined(separator: "; "))
    }

    private static func facts(_ content: WrittenAlert.Content) -> [String] {
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
            (
                "rule",
                content.rule.name + (content.rule.version.map { ", version \($0)" } ?? "")
            ),
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
