import DeviceProfiles
import LiftModel

/// Finds lifts whose messages are used, but without what the rules about trapped passengers need:
/// mode, motion, door zone and doors. The messages still prove that the lift is alive, so for the
/// rules it is neither silent nor refused, and a passenger in it would not be found.
///
/// A signal is lacking while each message has a value that the profile does not understand, or
/// lacks a field that it had before. A lift may be without a zone sensor: a field that never came
/// is no fault, unless nothing of all this ever came. A value that the profile itself takes for
/// unknown is understood.
///
/// For the status only. No part of the detector's state: after a restart the time counts anew.
package struct PartlyReadLifts: Sendable {
    /// Bit *i*: signal *i* is one that rules about trapped passengers need.
    static let needed: UInt64 =
        [
            Signal.mode, .moving, .inDoorZone, .frontLocked, .frontFullyOpen, .rearLocked,
            .rearFullyOpen,
        ].reduce(0) { $0 | 1 << UInt64($1.rawValue) }
    /// An adapter may send odd values while it starts.
    static let least = Duration.seconds(60)

    /// A signal without a value.
    private struct Lack: Sendable {
        var signal: Int
        var since: Instant
        var source: UnreadSource
    }
    private struct State: Sendable {
        /// Bit *i*: signal *i* was read since the start.
        var read: UInt64 = 0
        var lacking: UInt64 = 0
        var lacks: [Lack] = []
        var lastMessage = Instant(nanoseconds: 0)
    }
    /// Indexed by the lift; grows with the register.
    private var states: [State] = []

    /// Notes a message that was read.
    /// - Parameter decoder: the one that has just read it.
    mutating func note(
        _ message: borrowing DecodedMessage, lift: Int, topic: Int, _ decoder: MessageDecoder,
        payload: Span<UInt8>, at arrival: Instant
    ) {
        let mentioned = message.reading.mentioned & Self.needed
        if mentioned == 0 { return }
        while states.count <= lift { states.append(State()) }
        let missing = message.missing & Self.needed
        let unreadable = message.unreadable & Self.needed
        let known = states[lift].read
        var lacking = unreadable | missing & known
        if known == 0, unreadable | missing == mentioned, decoder.profile.topics[topic].isComplete {
            lacking = mentioned
        }
        let read = mentioned & ~(unreadable | missing)
        if read & ~known != 0 { states[lift].read = known | read }
        // Nearly every message of nearly every lift.
        if lacking == 0, states[lift].lacking == 0 { return }
        states[lift].lastMessage = arrival
        let ended = mentioned & ~lacking
        if ended & states[lift].lacking != 0 {
            states[lift].lacks.removeAll { ended & 1 << UInt64($0.signal) != 0 }
        }
        var new = lacking & ~states[lift].lacking
        states[lift].lacking = states[lift].lacking & ~ended | lacking
        while new != 0 {
            let signal = new.trailingZeroBitCount
            new &= new - 1
            guard let source = decoder.source(of: signal, in: payload) else { continue }
            states[lift].lacks.append(Lack(signal: signal, since: arrival, source: source))
        }
    }

    /// The lifts that have been understood only in part for long enough, each with the fields that
    /// could not be read.
    package var found: [(lift: Int, sources: [UnreadSource])] {
        states.indices.compactMap { lift in
            let last = states[lift].lastMessage
            var sources: [UnreadSource] = []
            // Several signals may come from one field.
            for lack in states[lift].lacks.sorted(by: { $0.signal < $1.signal })
            where last - lack.since >= Self.least
                && !sources.contains(where: { $0.field == lack.source.field })
            {
                sources.append(lack.source)
            }
            return sources.isEmpty ? nil : (lift, sources)
        }
    }
}
