import DeviceProfiles
import LiftModel
import PositionedYAML
import Trace

/// The messages of some lifts as their profile decodes them: for each signal the times at which it
/// changed.
struct LiftTrace {
    struct Change {
        /// Seconds since 1970, of the arrival.
        var time: Double
        var value: String
    }
    /// By lift, then by signal.
    private(set) var changes: [String: [Signal: [Change]]] = [:]
    /// Arrivals of messages by lift, seconds since 1970.
    private(set) var arrivals: [String: [Double]] = [:]

    /// - Parameter lifts: the lifts whose messages are read; others are left out.
    init(_ path: String, lifts: Set<String>, profiles: [Profile]) throws {
        var decoders = profiles.map { MessageDecoder($0) }
        var reader = TraceReader(file: path)
        try LineReader(path).visitLines { line, number in
            try reader.read(line, number: number) { topic, payload, isRetained, unread, arrival in
                if unread != nil { return }
                let name = String(decoding: topic.array, as: UTF8.self)
                for decoder in profiles.indices {
                    guard
                        let index = profiles[decoder].topics.firstIndex(where: {
                            $0.pattern.lift(in: name) != nil
                        }),
                        let lift = profiles[decoder].topics[index].pattern.lift(in: name)
                    else { continue }
                    guard lifts.contains(lift),
                        // A message that the profile refuses changes no signal.
                        let message = try? decoders[decoder].decode(
                            payload, topic: index, isRetained: isRetained, identities: [])
                    else { return }
                    return add(message.reading, lift, arrival.seconds)
                }
            } event: { _, _ in
            }
        }
    }

    private mutating func add(_ reading: Reading, _ lift: String, _ time: Double) {
        arrivals[lift, default: []].append(time)
        for signal in Signal.allCases where reading.mentioned & (1 << UInt64(signal.rawValue)) != 0
        {
            let value = reading.written(signal)
            guard changes[lift]?[signal]?.last?.value != value else { continue }
            changes[lift, default: [:]][signal, default: []].append(
                Change(time: time, value: value))
        }
    }
}
