import Encoding
import GatewayCore

extension StatusSnapshot {
    /// What could not be read since the start.
    package struct BadInputSummary: Codable, Sendable {
        /// By kind, in the order of the kinds' names.
        package var counts: OrderedMembers<Int>
        /// Messages of which nothing was used.
        package var refused: Int
        package var values: [OddValue]
        package var last: [Specimen]
    }

    /// A value that a profile does not name.
    package struct OddValue: Codable, Sendable {
        package var kind: String
        package var profile: String
        package var field: String
        package var value: String
        package var count: Int
    }

    /// A message that could not be read, or only in part.
    package struct Specimen: Codable, Sendable {
        /// RFC 3339, by the gateway's calendar.
        package var time: String
        package var kind: String
        package var topic: String
        package var explanation: String
        /// The payload's beginning.
        package var payload: String
    }
}

extension StatusSnapshot.BadInputSummary {
    init(_ badInput: BadInput, _ clock: GatewayClock) {
        counts = OrderedMembers(
            badInput.counts.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
        refused = badInput.refused
        values = badInput.values.map {
            StatusSnapshot.OddValue(
                kind: $0.kind, profile: $0.profile, field: $0.field, value: $0.value,
                count: $0.count)
        }
        last = badInput.specimens.map {
            StatusSnapshot.Specimen(
                time: clock.calendar($0.arrival).rfc3339, kind: $0.kind, topic: $0.topic,
                explanation: $0.explanation,
                payload: $0.payload)
        }
    }
}
