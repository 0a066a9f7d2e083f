import Encoding
import Journal
import LiftModel

/// Adds the members of one copy to an event: its send time, attempt, sequence number, and clocks.
struct Envelope {
    let journal: Journal
    let signer: Signer?

    init(_ journal: Journal, _ signer: Signer?) {
        self.journal = journal
        self.signer = signer
    }

    /// The event with the members of this copy.
    func json(_ transmission: Dispatch.Transmission, at time: Instant) throws(JournalError) -> [UInt8] {
        let row = transmission.row
        let isAlert = row.type == "alert"
        let isHistorical = row.id > 0 && isAlert ? try journal.isOver(row.eventID) : false
        let run = row.run > 0 ? try journal.run(row.run) : nil
        var json = JSONWriter()
        json.object {
            $0.put("senttime", time.rfc3339)
            $0.put("attempt", transmission.attempt)
            // Counted for each lift and lane: the centre orders events by it, and finds lost ones.
            if row.sequence > 0 { $0.put("sequence", Int(row.sequence)) }
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
