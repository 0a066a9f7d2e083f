import LiftModel
import PositionedYAML

/// A rule's own test: the messages of a lift, and the expected decisions with their times.
package struct RuleExample: Sendable {
    package struct Message: Sendable {
        package var time: Duration
        package var signals: [(key: YAMLNode, value: YAMLNode)]

        package init(time: Duration, signals: [(key: YAMLNode, value: YAMLNode)]) {
            self.time = time
            self.signals = signals
        }
    }
    package struct Verdict: Sendable, Equatable {
        package var time: Duration
        /// The state, followed by the reason where that matters.
        package var state: String

        package init(time: Duration, state: String) {
            self.time = time
            self.state = state
        }

        package func matches(_ found: Verdict) -> Bool {
            time == found.time && (state == found.state || found.state.hasPrefix(state + " "))
        }
    }
    package var name: String
    package var messages: [Message]
    /// A lift repeats its last message this often. From `silentFrom` on it is silent, until its
    /// next message in the example.
    package var heartbeat: Duration?
    package var silentFrom: Duration?
    package var until: Duration
    package var expected: [Verdict]
    package var node: YAMLNode

    package init(
        name: String, messages: [Message], heartbeat: Duration?, silentFrom: Duration?,
        until: Duration,
        expected: [Verdict], node: YAMLNode
    ) {
        self.name = name
        self.messages = messages
        self.heartbeat = heartbeat
        self.silentFrom = silentFrom
        self.until = until
        self.expected = expected
        self.node = node
    }

    init?(_ node: YAMLNode, _ diagnostics: Diagnostics) {
        let before = diagnostics.all.count
        var reader = YAMLReader(node, diagnostics)
        self.node = node
        name = reader.requiredText("name") ?? ""
        messages = Self.messages(&reader, diagnostics)
        heartbeat = reader.duration("heartbeat") ?? .seconds(10)
        silentFrom = reader.duration("silent_from")
        until = reader.duration("until") ?? (messages.last?.time ?? .zero) + .seconds(300)
        var cycles = reader.optional("repeat").map { [$0] } ?? []
        if case .sequence(let several)? = cycles.first?.content { cycles = several }
        for node in cycles {
            var cycle = YAMLReader(node, diagnostics)
            let every = cycle.duration("every") ?? .seconds(3600)
            var start = cycle.duration("from") ?? every
            let end = min(cycle.duration("until") ?? until, until)
            let repeated = Self.messages(&cycle, diagnostics)
            cycle.finish()
            while start < end {
                guard messages.count + repeated.count <= Self.maximumMessages else {
                    diagnostics.report(
                        node,
                        "repeats for more than \(Self.maximumMessages) messages until \(end.written), the limit of a test. Choose a longer 'every', or a shorter 'until'"
                    )
                    break
                }
                messages += repeated.map { Message(time: start + $0.time, signals: $0.signals) }
                start += every
            }
        }
        messages = messages.enumerated().sorted {
            ($0.element.time, $0.offset) < ($1.element.time, $1.offset)
        }.map(
            \.element)
        expected = []
        for (key, value) in reader.entries("expect") {
            guard let time = reader.duration(of: key) else { continue }
            // Several states at one time are written as a list.
            var states = [value]
            if case .sequence(let items) = value.content { states = items }
            for item in states {
                guard let state = item.text,
                    AlertState(rawValue: String(state.prefix { $0 != " " })) != nil
                else {
                    let known = AlertState.allCases.map(\.rawValue)
                    diagnostics.report(
                        item,
                        "found \(item.summary).\(suggestion(for: item.text ?? "", among: known))")
                    continue
                }
                expected.append(Verdict(time: time, state: state))
            }
        }
        reader.finish()
        if diagnostics.all.count != before { return nil }
    }
}

extension RuleExample {
    package static let maximumMessages = 10_000

    fileprivate static func messages(_ reader: inout YAMLReader, _ diagnostics: Diagnostics)
        -> [Message]
    {
        reader.entries("say").compactMap { key, value in
            guard let time = reader.duration(of: key) else { return nil }
            guard case .mapping(let pairs) = value.content else {
                diagnostics.report(
                    value, "found \(value.summary), expected a mapping of signals to values")
                return nil
            }
            return Message(time: time, signals: pairs)
        }
    }
}
