import LiftModel
import Monitoring
import Trace

/// An input of the detector beside the lifts' messages: a connection event or an operator action.
/// It is journalled and traced like a message.
public enum ControlEvent: Sendable, Equatable {
    case connection(ConnectionEvent)
    case action(OperatorAction)

    /// The journal and the traces call an operator action an order.
    private static let actionPrefix = "order "

    /// The text in the journal.
    package var text: String {
        switch self {
        case .connection(let event): event.rawValue
        case .action(let action): Self.actionPrefix + action.line
        }
    }

    package init?(text: some StringProtocol) {
        if text.hasPrefix(Self.actionPrefix),
            let action = OperatorAction(line: String(text.dropFirst(Self.actionPrefix.count)))
        {
            self = .action(action)
        } else if let event = ConnectionEvent(rawValue: String(text)) {
            self = .connection(event)
        } else {
            return nil
        }
    }

    /// The event in a trace.
    package var traced: TraceEvent {
        switch self {
        case .connection(let event): .connection(event)
        case .action(let action): .action(action.line)
        }
    }

    /// nil for an operator action that cannot be read.
    package init?(_ event: TraceEvent) {
        switch event {
        case .connection(let event): self = .connection(event)
        case .action(let line):
            guard let action = OperatorAction(line: line) else { return nil }
            self = .action(action)
        }
    }
}

/// A control event with its own time, which a retried commit must not change.
package struct TimedControlEvent: Equatable {
    package var control: ControlEvent
    package var time: Instant

    /// The text of several control events in one batch of the journal.
    package static func text(_ controls: [TimedControlEvent]) -> String? {
        controls.isEmpty
            ? nil
            : controls.map { "\($0.time.nanoseconds) \($0.control.text)" }.joined(
                separator: "\u{1E}")
    }

    package static func all(in text: String) -> [TimedControlEvent] {
        text.split(separator: "\u{1E}").compactMap { part in
            guard let space = part.firstIndex(of: " "), let time = Int64(part[..<space]),
                let control = ControlEvent(text: part[part.index(after: space)...])
            else { return nil }
            return TimedControlEvent(control: control, time: Instant(nanoseconds: time))
        }
    }
}

extension Intake {
    /// Applies a control event at its time. An operator action that cannot be applied now was
    /// refused when it was given, too.
    package mutating func apply(_ control: ControlEvent, at time: Instant) {
        switch control {
        case .connection(.drained): startObserving(at: time)
        case .connection(.disconnected): stopObserving(at: time)
        case .connection(.stalled):
            if !injected(.leavesTimersBeforeAStallUnevaluated) { advance(to: time) }
            waitForUnreadMessages()
        case .connection(.behind): waitForUnreadMessages()
        case .connection(.connected): break
        case .connection(.end): advance(to: time)
        case .action(let action): try? apply(action, at: time)  // as it was refused the first time
        }
    }
}
