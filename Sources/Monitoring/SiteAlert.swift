import Encoding
import LiftModel

/// An alert of the gateway about itself: one for the site instead of the same one for each lift.
public struct SiteAlert: Sendable {
    private let site: String
    var origin: AlertOrigin
    private var kind: String
    private var severity: Severity
    private var title: Title
    private var open: (id: String, onset: Instant)?
    /// The number of earlier alerts of this kind: two at one moment have different ids.
    private var earlier = 0

    /// - Parameter lift: the lift that the alert names; by default the site.
    public init(
        _ origin: AlertOrigin, lift: String? = nil, kind: String, severity: Severity, title: Title
    ) {
        site = lift ?? origin.site
        self.origin = origin
        self.kind = kind
        self.severity = severity
        self.title = title
    }

    /// An alert of a kind that no rule raises.
    public init(_ origin: AlertOrigin, lift: String? = nil, _ kind: GatewayKind, title: Title) {
        self.init(origin, lift: lift, kind: kind.rawValue, severity: kind.severity, title: title)
    }

    public var isOpen: Bool { open != nil }

    /// The open alert as the centre has it.
    public var view: OpenAlert? {
        open.map {
            OpenAlert(
                id: $0.id, revision: 1, lift: site, kind: kind, state: .raised, severity: severity,
                onset: $0.onset,
                title: title)
        }
    }

    /// Continues an alert that was raised before a restart.
    /// - Parameter raisedSoFar: the number of alerts of this kind raised so far, this one included.
    public mutating func resume(id: String, onset: Instant, raisedSoFar: Int) {
        open = (id, onset)
        earlier = raisedSoFar
    }

    /// Takes over the open alert of another one of its kind.
    mutating func takeOver(_ other: SiteAlert) {
        open = other.open
        earlier = other.earlier
    }

    func write(to writer: inout ByteWriter) {
        writer.write(kind)
        writer.write(severity.rawValue)
        writer.write(title.en)
        writer.write(title.zh)
        writer.write(open?.id ?? "")
        writer.write(open?.onset.nanoseconds ?? 0)
        writer.write(variable: UInt64(earlier))
    }

    mutating func read(from reader: inout ByteReader) throws(MalformedBytes) {
        kind = try reader.readText()
        guard let severity = Severity(rawValue: try reader.readText()) else {
            throw MalformedBytes(offset: reader.offset)
        }
        self.severity = severity
        title = Title(en: try reader.readText(), zh: try reader.readText())
        let id = try reader.readText()
        let onset: Int64 = try reader.read()
        open = id.isEmpty ? nil : (id, Instant(nanoseconds: onset))
        earlier = Int(truncatingIfNeeded: try reader.readVariable())
    }

    /// - Returns: the alert, or nil while it is open already.
    public mutating func raise(
        onset: Instant, at time: Instant, hold: Duration, because reason: String
    ) -> Alert? {
        guard open == nil else { return nil }
        let id = AlertIdentity.id(
            origin, lift: site, kind: kind, onset: onset.nanoseconds, earlier: earlier)
        earlier += 1
        open = (id, onset)
        return alert(id, 1, .raised, onset, time, hold, reason)
    }

    public mutating func clear(at time: Instant, because reason: String) -> Alert? {
        guard let (id, onset) = open else { return nil }
        open = nil
        return alert(id, 2, .cleared, onset, time, .zero, reason)
    }

    private func alert(
        _ id: String, _ revision: Int, _ state: AlertState, _ onset: Instant, _ time: Instant,
        _ hold: Duration,
        _ reason: String
    ) -> Alert {
        Alert(
            id: id, revision: revision, lift: site, kind: kind, state: state, severity: severity,
            rule: kind,
            ruleVersion: "",
            onset: onset, time: time, reason: reason, hold: hold, confirmationHold: nil,
            evidence: [], vendorCode: nil,
            title: title)
    }
}
