import DeviceProfiles
import Elevator
import PositionedYAML
import Trace

/// What some lifts said, as their profile reads it: for each signal the moments at which it changed.
struct LiftTrace {
    struct Change {
        /// Seconds since 1970, when it arrived.
        var time: Double
        var value: String
    }
    /// By lift, then by signal.
    private(set) var changes: [String: [Signal: [Change]]] = [:]
    /// Arrivals by lift, seconds since 1970.
    private(set) var words: [String: [Double]] = [:]

    /// - Parameter lifts: whose words are read; the others' are passed over.
    init(_ path: String, lifts: Set<String>, profiles: [Profile]) throws {
        var decoders = profiles.map { MessageDecoder($0) }
        var reader = TraceReader(file: path)
        try LineReader(path).visitLines { line, number in
            try reader.read(line, number: number) { topic, payload, isRetained, arrival in
                let name = String(decoding: topic.array, as: UTF8.self)
                for place in profiles.indices {
                    guard let index = profiles[place].topics.firstIndex(where: { $0.pattern.lift(in: name) != nil }),
                        let lift = profiles[place].topics[index].pattern.lift(in: name)
                    else { continue }
                    guard lifts.contains(lift),
                        let message = try? decoders[place].decode(
                            payload, topic: index, isRetained: isRetained, identities: [])
                    else { return }
                    return add(message.reading, lift, arrival.seconds)
                }
            } event: { _, _ in
            }
        }
    }

    private mutating func add(_ reading: Reading, _ lift: String, _ time: Double) {
        words[lift, default: []].append(time)
        for signal in Signal.allCases where reading.mentioned & (1 << UInt64(signal.rawValue)) != 0 {
            let value = reading.written(signal)
            guard changes[lift]?[signal]?.last?.value != value else { continue }
            changes[lift, default: [:]][signal, default: []].append(Change(time: time, value: value))
        }
    }
}
