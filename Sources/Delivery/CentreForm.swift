import Encoding
import LiftModel

/// The form of a centre that does not keep to the contract: its own codes and field names
/// (`Devices/centres`).
///
/// An event without a code in the form is not sent, and counts as delivered. Neither are tests,
/// alerts that were suppressed from the start, and alerts that are over by now: no such form can
/// say so, and the centre would send people out. An alert that was raised first and suppressed
/// later ends there by the form's own code for `suppressed`.
public struct CentreForm: Sendable {
    /// A value of the centre's, from the file: a text in quotes, or a number.
    public enum Value: Sendable, Equatable {
        case text(String)
        case number(Double)
    }
    /// The centre's code for a kind of alert, or one for each branch (`data.branch`).
    public struct KindCode: Sendable {
        public var kind: String
        var code: Value
        var byBranch: [String: Value]
        /// - Parameter code: for every branch without a code of its own.
        public init(kind: String, code: Value, byBranch: [String: Value] = [:]) {
            self.kind = kind
            self.code = code
            self.byBranch = byBranch
        }
    }
    public enum Source: Sendable {
        /// A member of the event, by its path; another one where the event does not have it.
        case member(String, otherwise: String?)
        case kindCode
        case stateCode
        /// One value where a member's text has this beginning, another where not.
        case choice(member: String, beginning: String, then: Value, else: Value)

        /// The members of an event that the field needs.
        public var paths: [String] {
            switch self {
            case .member(let path, let otherwise): [path] + (otherwise.map { [$0] } ?? [])
            case .choice(let path, _, _, _): [path]
            case .kindCode, .stateCode: []
            }
        }
    }

    /// The body of a 2xx by which the centre confirms that it has stored the event: some platforms
    /// answer 200 to events that they refuse, too.
    public struct Success: Sendable {
        /// A member of the body, by its path.
        var field: JSONFieldSet
        /// The values that confirm it.
        var values: [Value]

        public init(field: String, values: [Value]) {
            self.field = JSONFieldSet([JSONField(field)])
            self.values = values
        }
    }

    public var name: String
    public var contentType: String
    /// Without one, each 2xx is a receipt.
    public var success: Success?
    private let kinds: [KindCode]
    private let states: [String: Value]
    private let fields: [(key: String, source: Source)]
    private let members: JSONFieldSet

    private static let kind = "data.kind"
    private static let state = "data.state"
    private static let test = "data.test"
    private static let branch = "data.branch"
    private static let revision = "data.revision"
    private static let ownMembers = [kind, state, test, branch, revision]

    public init(
        name: String, contentType: String, kinds: [KindCode], states: [String: Value],
        fields: [(key: String, source: Source)], success: Success? = nil
    ) {
        self.success = success
        self.name = name
        self.contentType = contentType
        // The longest kind that matches counts.
        self.kinds = kinds.sorted { $0.kind.count > $1.kind.count }
        self.states = states
        self.fields = fields
        members = JSONFieldSet(
            (Self.ownMembers + fields.flatMap(\.source.paths)).map { JSONField($0) })
    }

    /// The fields of a form may name at most so many members of an event.
    public static let mostMembers = JSONFieldSet.mostFields - ownMembers.count

    /// - Parameter isOver: whether a later revision has ended the alert.
    /// - Returns: nil for an event without a code in the form.
    /// - Throws: `JSONError` for an event that cannot be read. The gateway has written it itself,
    ///   so it was damaged since.
    package func json(of event: [UInt8], isOver: Bool = false) throws(JSONError) -> [UInt8]? {
        var tokens = [JSONToken](repeating: JSONToken(), count: members.count)
        var scanner = JSONScanner(event.span)
        try scanner.scan(members, into: &tokens)
        guard tokens[0].kind == .string, tokens[1].kind == .string,
            let state = states[scanner.unescaped(tokens[1])]
        else { return nil }
        let isSuppressedFromStart =
            scanner.unescaped(tokens[1]) == AlertState.suppressed.rawValue
            && scanner.unescaped(tokens[4]) == "1"
        if isOver || isSuppressedFromStart || tokens[2].kind == .true { return nil }
        let kind = scanner.unescaped(tokens[0])
        guard let match = kinds.first(where: { kind == $0.kind || kind.hasPrefix($0.kind + ".") })
        else { return nil }
        let branch = tokens[3].kind == .string ? scanner.unescaped(tokens[3]) : ""
        let code = match.byBranch[branch] ?? match.code
        var next = Self.ownMembers.count
        var json = JSONWriter()
        json.object { json in
            for (key, source) in fields {
                switch source {
                case .kindCode: json.put(key, code)
                case .stateCode: json.put(key, state)
                case .member(_, let otherwise):
                    let isThere = otherwise == nil || tokens[next].kind != .absent
                    let token = tokens[isThere ? next : next + 1]
                    next += source.paths.count
                    if token.kind == .string {
                        json.put(key, scanner.unescaped(token))
                    } else if token.kind != .absent {
                        json.put(key, raw: event[token.start..<token.end])
                    }
                case .choice(_, let beginning, let yes, let no):
                    let token = tokens[next]
                    next += 1
                    let isSo =
                        token.kind == .string && scanner.unescaped(token).hasPrefix(beginning)
                    json.put(key, isSo ? yes : no)
                }
            }
        }
        return json.bytes
    }
}

extension CentreForm.Success {
    /// Whether a 2xx with this body is a receipt.
    func isReceipt(_ body: [UInt8]) -> Bool {
        var tokens = [JSONToken()]
        var scanner = JSONScanner(body.span)
        do throws(JSONError) { try scanner.scan(field, into: &tokens) } catch { return false }
        let token = tokens[0]
        switch token.kind {
        case .string, .number, .true, .false: break
        default: return false
        }
        let found = scanner.unescaped(token)
        return values.contains { value in
            // 0 and "0" are one code.
            switch value {
            case .text(let text): found == text
            case .number(let number): Double(found) == number
            }
        }
    }
}

extension JSONWriter {
    fileprivate mutating func put(_ key: String, _ value: CentreForm.Value) {
        switch value {
        case .text(let text): put(key, text)
        case .number(let number): put(key, number)
        }
    }
}
