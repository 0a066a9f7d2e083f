import Elevator
import Encoding
import Journal

/// Puts what belongs to one sending beside an event: when it is sent, how often it was, its number, and what the clocks said.
struct Envelope {
    let journal: Journal
    let signer: Signer?

    init(_ journal: Journal, _ signer: Signer?) {
        self.journal = journal
        self.signer = signer
    }

    /// The event as it goes out.
    func json(_ sending: Dispatch.Sending, at time: Instant) throws(JournalError) -> [UInt8] {
        let row = sending.row
        let isAlert = row.type == "alert"
        let isHistorical = row.id > 0 && isAlert ? try journal.isOver(row.eventID) : false
        let run = row.run > 0 ? try journal.run(row.run) : nil
        var json = JSONWriter()
        json.object {
            $0.put("senttime", time.rfc3339)
            $0.put("attempt", sending.attempt)
            // Of its lift and lane: the receiver orders by it, and sees what is missing.
            if row.number > 0 { $0.put("sequence", Int(row.number)) }
            if isHistorical { $0.put("historical", true) }
            if let run {
                $0.put("bootid", run.boot)
                $0.put("monotonic", JSONWriter.decimalSeconds(row.stamp.monotonic))
                if !row.stamp.quality.isEmpty { $0.put("clockquality", row.stamp.quality) }
                if run.correction != 0 { $0.put("timecorrection", JSONWriter.decimalSeconds(run.correction)) }
            }
            if isAlert { $0.put("jws", signer?.sign(row.body)) }
        }
        return row.body.dropLast() + [UInt8(ascii: ",")] + json.bytes.dropFirst()
    }
}
