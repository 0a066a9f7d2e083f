import Journal
import LiftModel

/// One entry of a journalled batch: a message or a control event.
package enum BatchEntry {
    case message(JournalledMessage)
    case control(TimedControlEvent)
}

extension JournalledMessage {
    /// The message as the journal stores it, after the intake has taken it.
    init(
        topic: Span<UInt8>, payload: Span<UInt8>, isRetained: Bool, mid: Int, _ arrival: Instant,
        _ treatment: Intake.Treatment
    ) {
        switch treatment {
        case .unread:
            self.init(
                unread: payload, topic: topic.array, arrival: arrival.nanoseconds,
                isRetained: isRetained, mid: mid)
        case .read, .distinct:
            self.init(
                arrival: arrival.nanoseconds, topic: topic.array, payload: payload.array,
                isRetained: isRetained,
                mid: mid, treatment: treatment == .distinct ? .distinct : .read)
        }
    }

    /// The length of a payload that was refused unread; nil where the payload is complete.
    package var unreadLength: Int? {
        if case .unread(let length, _) = treatment { length } else { nil }
    }
}

extension Journal.StoredBatch {
    /// Visits the batch in the order of its times, as it was evaluated live. Replay and export use
    /// it.
    package func visit(_ body: (BatchEntry) -> Void) {
        var controls = (control.map { TimedControlEvent.all(in: $0) } ?? [])[...]
        for message in messages {
            while let next = controls.first, next.time.nanoseconds < message.arrival {
                body(.control(next))
                controls.removeFirst()
            }
            body(.message(message))
        }
        for rest in controls { body(.control(rest)) }
    }
}
