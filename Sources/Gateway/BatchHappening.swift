import Journal

/// One thing of a journalled batch: a lift's word, or what happened beside the words.
enum BatchHappening {
    case message(JournalledMessage)
    case control(TimedControl)
}

extension Journal.StoredBatch {
    /// Visits the batch in the order of its times: as it was live, so it is judged again and exported.
    func visit(_ body: (BatchHappening) -> Void) {
        var controls = (control.map { TimedControl.all(in: $0) } ?? [])[...]
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
