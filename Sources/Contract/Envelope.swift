import Encoding
import LiftModel

/// The members of one copy of an event: its send time, attempt, sequence number, and clocks. The
/// event itself is the same in every copy.
package struct Envelope {
    /// The clocks of the gateway's run that decided the event.
    package struct Clocks {
        /// The boot of the box; monotonic times compare within one only.
        package var bootID: String
        package var monotonic: MonotonicTime
        /// Empty where it is unknown.
        package var quality: String
        /// Nanoseconds to add to the event's times; 0 where they are right.
        package var correction: Int64

        package init(
            bootID: String, monotonic: MonotonicTime, quality: String, correction: Int64
        ) {
            self.bootID = bootID
            self.monotonic = monotonic
            self.quality = quality
            self.correction = correction
        }
    }

    package var sendTime: Instant
    /// 1 for the first copy.
    package var attempt: Int
    /// Counted for each lift and lane: the centre orders events by it, and finds lost ones. nil
    /// where it is unknown.
    package var sequence: Int64?
    /// A later revision has ended the alert.
    package var isHistorical: Bool
    /// nil where they are unknown.
    package var clocks: Clocks?
    /// The JWS of the event; nil where it is not signed.
    package var signature: String?

    package init(
        sendTime: Instant, attempt: Int, sequence: Int64?, isHistorical: Bool, clocks: Clocks?,
        signature: String?
    ) {
        self.sendTime = sendTime
        self.attempt = attempt
        self.sequence = sequence
        self.isHistorical = isHistorical
        self.clocks = clocks
        self.signature = signature
    }

    /// The event with the members of this copy.
    /// - Parameter event: the stable JSON of `CloudEvent`.
    package func json(of event: [UInt8]) -> [UInt8] {
        var json = JSONWriter()
        json.object {
            $0.put("senttime", sendTime.rfc3339)
            $0.put("attempt", attempt)
            if let sequence { $0.put("sequence", Int(sequence)) }
            if isHistorical { $0.put("historical", true) }
            if let clocks {
                $0.put("bootid", clocks.bootID)
                $0.put("monotonic", JSONWriter.decimalSeconds(clocks.monotonic.nanoseconds))
                if !clocks.quality.isEmpty { $0.put("clockquality", clocks.quality) }
                if clocks.correction != 0 {
                    $0.put("timecorrection", JSONWriter.decimalSeconds(clocks.correction))
                }
            }
            $0.put("jws", signature)
        }
        return event.dropLast() + [UInt8(ascii: ",")] + json.bytes.dropFirst()
    }
}
