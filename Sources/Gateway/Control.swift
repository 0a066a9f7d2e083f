import Detection
import Elevator
import Trace

/// What happened beside the lifts' messages: to the connection, or by a person's order. Journalled and traced like them.
public enum Control: Sendable, Equatable {
    case connection(ConnectionEvent)
    case order(Order)

    private static let orderPrefix = "order "

    /// As the journal holds it.
    var text: String {
        switch self {
        case .connection(let event): event.rawValue
        case .order(let order): Self.orderPrefix + order.line
        }
    }

    init?(text: some StringProtocol) {
        if text.hasPrefix(Self.orderPrefix), let order = Order(line: String(text.dropFirst(Self.orderPrefix.count))) {
            self = .order(order)
        } else if let event = ConnectionEvent(rawValue: String(text)) {
            self = .connection(event)
        } else {
            return nil
        }
    }

    /// As a trace holds it.
    var traced: TraceEvent {
        switch self {
        case .connection(let event): .connection(event)
        case .order(let order): .order(order.line)
        }
    }

    /// nil for an order that cannot be read.
    init?(_ event: TraceEvent) {
        switch event {
        case .connection(let event): self = .connection(event)
        case .order(let line):
            guard let order = Order(line: line) else { return nil }
            self = .order(order)
        }
    }
}

/// A control at its time, which a commit that had to be tried again must not change.
struct TimedControl: Equatable {
    var control: Control
    var time: Instant

    /// Several, as one batch of the journal holds them.
    static func text(_ controls: [TimedControl]) -> String? {
        controls.isEmpty
            ? nil : controls.map { "\($0.time.nanoseconds) \($0.control.text)" }.joined(separator: "\u{1E}")
    }

    static func all(in text: String) -> [TimedControl] {
        text.split(separator: "\u{1E}").compactMap { part in
            guard let space = part.firstIndex(of: " "), let time = Int64(part[..<space]),
                let control = Control(text: part[part.index(after: space)...])
            else { return nil }
            return TimedControl(control: control, time: Instant(nanoseconds: time))
        }
    }
}

extension Intake {
    /// Follows what happened at a time. An order that nothing can follow any more was refused when it was given, too.
    package mutating func follow(_ control: Control, at time: Instant) {
        switch control {
        case .connection(.drained): startListening(at: time)
        case .connection(.disconnected): stopListening(at: time)
        case .connection(.behind): waitForWords()
        case .connection(.connected): break
        case .connection(.end): advance(to: time)
        case .order(let order): try? follow(order, at: time)
        }
    }
}
