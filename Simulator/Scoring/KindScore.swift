/// The score of one kind of event, or of one stratum of it.
// Over 20 properties: one count a result, under the keys of the committed results.
package struct KindScore: Sendable {
    package internal(set) var happened = 0
    package internal(set) var detected = 0
    /// Of the detected ones, those later than the holds allow, within 180 s of the first evidence
    /// and while they lasted.
    package internal(set) var late = 0
    package internal(set) var missed = 0
    /// Confirmed while nobody was trapped.
    package internal(set) var falseAlarms = 0
    /// Of the false ones, those of an empty car that really is shut while no sensor says that it is
    /// empty.
    package internal(set) var cautious = 0
    /// Of the false ones, those of a lift whose occupancy sensor is wrong, or was shortly before.
    package internal(set) var misled = 0
    /// Of the missed ones, those that were suspected.
    package internal(set) var suspectedOnly = 0
    /// Suspected and never confirmed while nobody was trapped; and of these, those of a silent lift
    /// or as in `cautious`.
    package internal(set) var suspectedFalsely = 0
    package internal(set) var suspectedCautiously = 0
    /// Entrapments that had to be suspected: there was evidence for long enough. Of these, those
    /// suspected later but within 180 s while people were inside, and those not suspected.
    package internal(set) var suspicionExpected = 0
    package internal(set) var suspicionLate = 0
    package internal(set) var suspicionMissed = 0
    /// Of those that had to be suspected, those that entrapment.md does not confirm; and of these,
    /// those that were confirmed nevertheless.
    package internal(set) var suspectable = 0
    package internal(set) var confirmedAnyway = 0
    /// An alert was required, and an earlier alert was still open: the centre knows of it already,
    /// without a new revision.
    package internal(set) var carried = 0
    /// Raised although no alert was required: it was over too soon, there was no evidence, or
    /// another alert covered it.
    package internal(set) var raisedAnyway = 0
    /// Over before the rule's holds had passed: no alert was required.
    package internal(set) var brief = 0
    /// Silent controllers while several lifts had lost their power: the area's incident covers
    /// them.
    package internal(set) var explained = 0
    /// No message that arrived showed them.
    package internal(set) var unknowable = 0
    /// A second alert for one event.
    package internal(set) var doubled = 0
    /// Ended while people were still in the car; and not ended ten minutes after they were out.
    package internal(set) var clearedEarly = 0
    package internal(set) var neverCleared = 0
    /// Seconds from the physical event until the gateway suspected it, and until it raised or
    /// confirmed it; of those that required an alert.
    package internal(set) var suspectedAfter: [Float] = []
    package internal(set) var raisedAfter: [Float] = []

    package init() {}

    package static func += (a: inout KindScore, b: KindScore) {
        for (_, count) in counts { a[keyPath: count] += b[keyPath: count] }
        a.suspectedAfter += b.suspectedAfter
        a.raisedAfter += b.raisedAfter
    }

    /// Events that required a new alert.
    package var expected: Int { detected + missed }
    /// Raised within the holds.
    package var inTime: Int { detected - late }
    /// A sentence for a run in which none was missed: how many had to be suspected and confirmed.
    package var recallSentence: String {
        func were(_ count: Int, _ what: String) -> String {
            switch count {
            case 0: "none had to be \(what)"
            case 1: "the only one that had to be \(what) was"
            default: "all \(count) that had to be \(what) were"
            }
        }
        let sentence =
            were(suspicionExpected, "suspected") + ", " + were(expected, "confirmed") + "."
        return sentence.prefix(1).uppercased() + sentence.dropFirst()
    }
    package var suspicionInTime: Int { suspicionExpected - suspicionLate - suspicionMissed }
}

/// The value below which a share of the values lies; nil without values.
package func quantile(_ values: [Float], _ share: Double) -> Double? {
    guard !values.isEmpty else { return nil }
    let index = Int((Double(values.count) * share).rounded(.up)) - 1
    return Double(values.sorted()[max(0, min(values.count - 1, index))])
}

/// Encoded in a short form for stored results: counts that are not 0, and delays in tenths of a
/// second with their frequency. The keys are those of the committed results.
extension KindScore: Codable {
    private static let counts: [(name: String, count: WritableKeyPath<KindScore, Int> & Sendable)] =
        [
            ("happened", \.happened),
            ("detected", \.detected),
            ("late", \.late),
            ("missed", \.missed),
            ("falseAlarms", \.falseAlarms),
            ("cautious", \.cautious),
            ("misled", \.misled),
            ("suspectedOnly", \.suspectedOnly),
            ("suspectedFalsely", \.suspectedFalsely),
            ("suspectedCautiously", \.suspectedCautiously),
            ("suspicionOwed", \.suspicionExpected),
            ("suspicionLate", \.suspicionLate),
            ("suspicionMissed", \.suspicionMissed),
            ("suspectable", \.suspectable),
            ("confirmedAnyway", \.confirmedAnyway),
            ("carried", \.carried),
            ("toldAnyway", \.raisedAnyway),
            ("brief", \.brief),
            ("explained", \.explained),
            ("unknowable", \.unknowable),
            ("doubled", \.doubled),
            ("clearedEarly", \.clearedEarly),
            ("neverCleared", \.neverCleared),
        ]

    private enum CodingKeys: String, CodingKey { case counts, suspected, told }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let found = try container.decode([String: Int].self, forKey: .counts)
        for (name, count) in Self.counts { self[keyPath: count] = found[name] ?? 0 }
        suspectedAfter = Self.delays(
            try container.decodeIfPresent([Int: Int].self, forKey: .suspected) ?? [:])
        raisedAfter = Self.delays(
            try container.decodeIfPresent([Int: Int].self, forKey: .told) ?? [:])
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        let nonzero = Self.counts.map { ($0.name, self[keyPath: $0.count]) }.filter { $0.1 != 0 }
        try container.encode(Dictionary(uniqueKeysWithValues: nonzero), forKey: .counts)
        if !suspectedAfter.isEmpty {
            try container.encode(Self.tenths(suspectedAfter), forKey: .suspected)
        }
        if !raisedAfter.isEmpty { try container.encode(Self.tenths(raisedAfter), forKey: .told) }
    }

    private static func tenths(_ delays: [Float]) -> [Int: Int] {
        delays.reduce(into: [:]) { $0[Int(($1 * 10).rounded()), default: 0] += 1 }
    }
    private static func delays(_ tenths: [Int: Int]) -> [Float] {
        tenths.sorted { $0.key < $1.key }.flatMap {
            Array(repeating: Float($0.key) / 10, count: $0.value)
        }
    }
}
