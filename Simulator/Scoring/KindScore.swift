/// One kind of event, or one stratum of it: what happened, and what was made of it.
package struct KindScore: Sendable {
    package internal(set) var happened = 0
    package internal(set) var detected = 0
    /// Of the detected ones, those told later than the holds allow, within 180 s of when it could be known and while it lasted.
    package internal(set) var late = 0
    package internal(set) var missed = 0
    /// Confirmed, and nobody was trapped.
    package internal(set) var falseAlarms = 0
    /// Of the false ones, those of an empty car that really is shut while no sensor says whether it is empty.
    package internal(set) var cautious = 0
    /// Of the false ones, those of a lift whose occupancy sensor errs, or had erred shortly before: a sensor said that somebody was there.
    package internal(set) var misled = 0
    /// Of the missed ones, those that were suspected at least.
    package internal(set) var suspectedOnly = 0
    /// Suspected, never confirmed, and nobody was trapped; and of these, those of a lift that was silent, or as in `cautious`.
    package internal(set) var suspectedFalsely = 0
    package internal(set) var suspectedCautiously = 0
    /// Something showed them for long enough: they had to be suspected. In time, within 180 s while people were inside, or not at all.
    package internal(set) var suspicionOwed = 0
    package internal(set) var suspicionLate = 0
    package internal(set) var suspicionMissed = 0
    /// Of those that had to be suspected, those that entrapment.md does not confirm; and of these, those that were confirmed all the same.
    package internal(set) var suspectable = 0
    package internal(set) var confirmedAnyway = 0
    /// Had to be told, and an alert of before was still open: the centre believes that somebody is in there, and nothing new was said.
    package internal(set) var carried = 0
    /// Told, though nothing had to be: they were over too soon, or nothing showed them, or another word told of them.
    package internal(set) var toldAnyway = 0
    /// Over before the rule's holds had passed: nothing had to be told.
    package internal(set) var brief = 0
    /// Silent controllers while several lifts had lost their power: the area's incident tells of them.
    package internal(set) var explained = 0
    /// Nothing that arrived showed them.
    package internal(set) var unknowable = 0
    /// A second alert in earnest for one event.
    package internal(set) var doubled = 0
    /// Said to be over while people were still in the car; and never said to be over, ten minutes after they were out.
    package internal(set) var clearedEarly = 0
    package internal(set) var neverCleared = 0
    /// Seconds from the physical event until the gateway suspected it, and until it told in earnest; of those that had to be told.
    package internal(set) var suspectedAfter: [Float] = []
    package internal(set) var toldAfter: [Float] = []

    package init() {}

    package static func += (a: inout KindScore, b: KindScore) {
        for (_, count) in counts { a[keyPath: count] += b[keyPath: count] }
        a.suspectedAfter += b.suspectedAfter
        a.toldAfter += b.toldAfter
    }

    /// Those that had to be told anew.
    package var owed: Int { detected + missed }
    /// Told within the holds.
    package var inTime: Int { detected - late }
    /// Of a run in which none was missed: how many had to be suspected and confirmed, and that they were.
    package var allTold: String {
        func were(_ count: Int, _ what: String) -> String {
            switch count {
            case 0: "none had to be \(what)"
            case 1: "the only one that had to be \(what) was"
            default: "all \(count) that had to be \(what) were"
            }
        }
        let sentence = were(suspicionOwed, "suspected") + ", " + were(owed, "confirmed") + "."
        return sentence.prefix(1).uppercased() + sentence.dropFirst()
    }
    package var suspicionInTime: Int { suspicionOwed - suspicionLate - suspicionMissed }
}

/// The value below which a share of the values lies; nil without values.
package func quantile(_ values: [Float], _ share: Double) -> Double? {
    guard !values.isEmpty else { return nil }
    let place = Int((Double(values.count) * share).rounded(.up)) - 1
    return Double(values.sorted()[max(0, min(values.count - 1, place))])
}

/// Written small, for results that are kept: counts that are not 0, and delays in tenths of a second with how often each was.
extension KindScore: Codable {
    private static let counts: [(name: String, count: WritableKeyPath<KindScore, Int> & Sendable)] = [
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
        ("suspicionOwed", \.suspicionOwed),
        ("suspicionLate", \.suspicionLate),
        ("suspicionMissed", \.suspicionMissed),
        ("suspectable", \.suspectable),
        ("confirmedAnyway", \.confirmedAnyway),
        ("carried", \.carried),
        ("toldAnyway", \.toldAnyway),
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
        suspectedAfter = Self.delays(try container.decodeIfPresent([Int: Int].self, forKey: .suspected) ?? [:])
        toldAfter = Self.delays(try container.decodeIfPresent([Int: Int].self, forKey: .told) ?? [:])
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        let some = Self.counts.map { ($0.name, self[keyPath: $0.count]) }.filter { $0.1 != 0 }
        try container.encode(Dictionary(uniqueKeysWithValues: some), forKey: .counts)
        if !suspectedAfter.isEmpty { try container.encode(Self.tenths(suspectedAfter), forKey: .suspected) }
        if !toldAfter.isEmpty { try container.encode(Self.tenths(toldAfter), forKey: .told) }
    }

    private static func tenths(_ delays: [Float]) -> [Int: Int] {
        delays.reduce(into: [:]) { $0[Int(($1 * 10).rounded()), default: 0] += 1 }
    }
    private static func delays(_ tenths: [Int: Int]) -> [Float] {
        tenths.sorted { $0.key < $1.key }.flatMap { Array(repeating: Float($0.key) / 10, count: $0.value) }
    }
}
