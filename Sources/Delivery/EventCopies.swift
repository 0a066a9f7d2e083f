import Contract
import DeliveryCore
import Journal
import LiftModel

/// Makes the copies of events that a route sends: it reads from the journal what an `Envelope` says
/// of an event, and signs alerts.
struct EventCopies {
    let journal: Journal
    /// nil where alerts are not signed.
    let signer: Signer?

    init(_ journal: Journal, _ signer: Signer?) {
        self.journal = journal
        self.signer = signer
    }

    /// The event as it is sent now.
    /// - Parameter time: the send time, on the calendar.
    /// - Throws: `JournalError` where the journal cannot be read.
    func json(_ transmission: Dispatch.Transmission, at time: Instant) throws(JournalError)
        -> [UInt8]
    {
        let row = transmission.row
        let isAlert = row.type == "alert"
        let isHistorical = row.id != nil && isAlert ? try journal.isOver(row.eventID) : false
        let run = if let run = row.run { try journal.run(run) } else { Optional<Journal.Run>.none }
        let envelope = Envelope(
            sendTime: time, attempt: transmission.attempt, sequence: row.sequence,
            isHistorical: isHistorical,
            clocks: run.map { run in
                Envelope.Clocks(
                    bootID: run.boot, monotonic: row.stamp.monotonic, quality: row.stamp.quality,
                    correction: run.correction)
            },
            signature: isAlert ? signer?.sign(row.body) : nil)
        return envelope.json(of: row.body)
    }

    /// The body of an HTTPS request with some events, and its content type: one event, or a batch.
    /// - Throws: `JournalError` where the journal cannot be read.
    func body(
        of transmissions: [Dispatch.Transmission], at time: @autoclosure () -> Instant
    ) throws(JournalError) -> (bytes: [UInt8], type: String) {
        var events: [[UInt8]] = []
        for transmission in transmissions { events.append(try json(transmission, at: time())) }
        if events.count == 1 { return (events[0], CloudEvent.contentType) }
        let list = Array(events.joined(separator: [UInt8(ascii: ",")]))
        return (
            [UInt8(ascii: "[")] + list + [UInt8(ascii: "]")], "application/cloudevents-batch+json"
        )
    }
}
