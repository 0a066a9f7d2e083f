import DeviceProfiles
import LiftModel
import Monitoring

/// Finds lifts whose adapter sends one and the same message again and again. Such a message proves
/// that the adapter is alive, as the rules take it, and says nothing of the lift any more: a
/// passenger who is trapped later is not seen.
///
/// A sequence number grows with each message, so equal bytes with one are the same message.
/// Without one, many controllers repeat the time of the last change, and a parked lift sends equal
/// bytes all night: such a repetition counts only where the lift has shown before that its time
/// moves on while nothing else changes.
///
/// For the status only. No part of the detector's state: after a restart the time counts anew.
package struct RepeatedMessages: Sendable {
    /// An adapter may send what it has kept while its controller starts.
    package static let least = Duration.seconds(180)

    package struct Repetition: Sendable {
        /// `DecodedMessage.duplicateKey`; 0 before the first message.
        var key: UInt64 = 0
        /// When the message came first.
        package var since = Instant(nanoseconds: 0)
        /// When it came last.
        package var last = Instant(nanoseconds: 0)
        /// The message's own time, where it has one.
        package var stamp: Instant?
        var hasSequence = false
        /// A hash of the message's values, where it has no sequence number.
        var content: UInt64 = 0
        /// The lift's time has moved on while nothing else changed.
        var timeMovesOn = false

        /// The same message again is no news of the lift.
        package var isNoNews: Bool { last > since && (hasSequence || timeMovesOn) }
    }
    /// Grows with the register.
    private var repetitions = Table<LiftIndex, Repetition>()

    mutating func note(_ message: borrowing DecodedMessage, lift: LiftIndex, at arrival: Instant) {
        // A last will is no word of the adapter.
        if !message.reading.isSignOfLife { return }
        repetitions.grow(toHold: lift, Repetition())
        let key = message.duplicateKey
        if key != 0, repetitions[lift].key == key {
            repetitions[lift].last = max(repetitions[lift].last, arrival)
            return
        }
        let hasSequence = message.reading.sequence != 0
        let content = hasSequence ? 0 : Self.content(of: message.reading)
        let moved = content != 0 && key != 0 && content == repetitions[lift].content
        repetitions[lift] = Repetition(
            key: key, since: arrival, last: arrival, stamp: message.reading.deviceTime,
            hasSequence: hasSequence, content: content,
            timeMovesOn: moved || repetitions[lift].timeMovesOn)
    }

    private static func content(of reading: borrowing Reading) -> UInt64 {
        var hash = reading.known &* 0x9E37_79B9_7F4A_7C15 | 1
        for signal in 0..<Reading.capacity where reading.known & 1 << UInt64(signal) != 0 {
            hash = (hash ^ reading.bits(signal)) &* 0x0000_0100_0000_01B3
            hash ^= hash >> 29
        }
        return hash
    }

    /// The message that a lift repeats; nil where its last message was new.
    package func repetition(of lift: LiftIndex) -> Repetition? {
        lift < repetitions.endIndex && repetitions[lift].isNoNews ? repetitions[lift] : nil
    }
}
