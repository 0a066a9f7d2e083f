import DeviceProfiles
import LiftModel
import Monitoring

/// Finds lifts whose messages are used, but without what the rules about trapped passengers need:
/// mode, motion, door zone and doors. The messages still prove that the lift is alive, so for the
/// rules it is neither silent nor refused, and a passenger in it would not be found.
///
/// A signal is lacking while each message has a value that the profile does not understand, or
/// lacks a field that it had before. A field that never came is no fault where another field gives
/// the same (a door's contact, its limit switch). It is one where nothing gives it, though the
/// profile does: then the rules cannot work. What the profile itself does not give, `hoistway
/// check` says. A value that the profile itself takes for unknown is understood.
///
/// Only the status reads this. It is no part of the detector's state: after a restart the time
/// counts anew.
package struct PartlyReadLifts: Sendable {
    /// Bit *i*: signal *i* is one that rules about trapped passengers need.
    static let needed = purposes.reduce(0, |)
    /// The same by what they are for: of each, one signal is enough.
    private static let purposes: [UInt64] = [
        bits(.mode), bits(.moving), bits(.inDoorZone),
        bits(.frontLocked, .frontFullyOpen, .rearLocked, .rearFullyOpen),
    ]
    private static func bits(_ signals: Signal...) -> UInt64 {
        signals.reduce(0) { $0 | 1 << UInt64($1.rawValue) }
    }

    /// An adapter may send odd values while it starts.
    static let least = Duration.seconds(60)
    /// Of a topic whose messages have all fields, the first minute shows what a lift sends. Where
    /// only changes are sent, a field comes with its first change: at a parked lift that may take
    /// long. (`reports_every` is the pause between two messages, whatever is in them.)
    static let leastOfChanges = Duration.seconds(3600)

    /// A signal without a value.
    private struct Lack: Sendable {
        var signal: Int
        var since: Instant
        var source: UnreadSource
        var hasNeverCome: Bool
    }
    package struct Finding: Sendable {
        package var lift: LiftIndex
        /// The fields that could not be read.
        package var sources: [UnreadSource]
        /// One of them has not come since the start.
        package var hasNeverCome = false
    }
    private struct State: Sendable {
        /// Bit *i*: signal *i* was read since the start.
        var read: UInt64 = 0
        var lacking: UInt64 = 0
        var lacks: [Lack] = []
        /// When the adapter sent first and last, and when it last sent of what is needed.
        var firstMessage: Instant?
        var lastMessage = Instant(nanoseconds: 0)
        var lastNeeded = Instant(nanoseconds: 0)
    }
    /// Grows with the register.
    private var states = Table<LiftIndex, State>()

    /// Notes a message that was read.
    /// - Parameter decoder: the one that has just read it.
    mutating func note(
        _ message: borrowing DecodedMessage, lift: LiftIndex, topic: Int,
        _ decoder: MessageDecoder, payload: Span<UInt8>, at arrival: Instant
    ) {
        states.grow(toHold: lift, State())
        if message.reading.isSignOfLife {
            if states[lift].firstMessage == nil { states[lift].firstMessage = arrival }
            states[lift].lastMessage = arrival
        }
        let mentioned = message.reading.mentioned & Self.needed
        if mentioned == 0 { return }
        let missing = message.missing & Self.needed
        let unreadable = message.unreadable & Self.needed
        let known = states[lift].read
        var lacking = unreadable | missing & known
        if missing & ~known != 0, decoder.profile.topics[topic].isComplete {
            lacking |=
                missing
                & Self.unserved(in: mentioned, by: known | mentioned & ~(missing | unreadable))
        }
        let read = mentioned & ~(unreadable | missing)
        if read & ~known != 0 { states[lift].read = known | read }
        // Nearly every message of nearly every lift.
        if lacking == 0, states[lift].lacking == 0 { return }
        states[lift].lastNeeded = arrival
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
            states[lift].lacks.append(
                Lack(
                    signal: signal, since: arrival, source: source,
                    hasNeverCome: (known | unreadable) & 1 << UInt64(signal) == 0))
        }
    }

    /// Those of the signals whose purpose no signal serves that was read.
    private static func unserved(in signals: UInt64, by read: UInt64) -> UInt64 {
        purposes.reduce(0) { read & $1 == 0 ? $0 | signals & $1 : $0 }
    }

    /// The lifts that have been understood only in part for long enough.
    /// - Parameters:
    ///   - mayTrap: whether people ride in the lift. The other lifts need not send all of this.
    ///   - expected: the signals that a lift's profile gives, and those of them that have no value
    ///     now.
    ///   - field: where a signal comes from.
    package func found(
        mayTrap: (LiftIndex) -> Bool,
        expected: (LiftIndex) -> (given: UInt64, unknown: UInt64),
        field: (_ lift: LiftIndex, _ signal: Int) -> String?
    ) -> [Finding] {
        states.indices.compactMap { lift in
            let state = states[lift]
            var finding = Finding(lift: lift, sources: [])
            func add(_ source: UnreadSource, hasNeverCome: Bool) {
                // Several signals may come from one field.
                if finding.sources.contains(where: { $0.field == source.field }) { return }
                finding.sources.append(source)
                if hasNeverCome { finding.hasNeverCome = true }
            }
            for lack in state.lacks.sorted(by: { $0.signal < $1.signal })
            where state.lastNeeded - lack.since >= Self.least
                && (!lack.hasNeverCome || state.read == 0 || mayTrap(lift))
            {
                add(lack.source, hasNeverCome: lack.hasNeverCome)
            }
            if let first = state.firstMessage, state.lastMessage - first >= Self.leastOfChanges,
                Self.unserved(in: Self.needed, by: state.read | state.lacking) != 0, mayTrap(lift)
            {
                let (given, unknown) = expected(lift)
                var silent = Self.unserved(
                    in: given & Self.needed, by: state.read | state.lacking | given & ~unknown)
                while silent != 0 {
                    let signal = silent.trailingZeroBitCount
                    silent &= silent - 1
                    guard let name = field(lift, signal) else { continue }
                    add(UnreadSource(field: name, found: nil), hasNeverCome: true)
                }
            }
            return finding.sources.isEmpty ? nil : finding
        }
    }
}
