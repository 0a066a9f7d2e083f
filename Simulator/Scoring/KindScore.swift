/// One kind of event, or one stratum of it: what happened, and what was made of it.
package struct KindScore: Sendable, Codable {
    package internal(set) var happened = 0
    package internal(set) var detected = 0
    /// Of the detected ones, those told later than the holds allow, within 180 s of when it could be known and while it lasted.
    package internal(set) var late = 0
    package internal(set) var missed = 0
    package internal(set) var falseAlarms = 0
    /// Of the missed ones, those that were suspected at least.
    package internal(set) var suspectedOnly = 0
    /// Suspected, never confirmed, and nobody was trapped.
    package internal(set) var suspectedFalsely = 0
    package internal(set) var cautious = 0
    /// Suspected, never confirmed, where nobody could know that nobody was trapped.
    package internal(set) var suspectedCautiously = 0
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
        a.happened += b.happened
        a.detected += b.detected
        a.late += b.late
        a.missed += b.missed
        a.falseAlarms += b.falseAlarms
        a.suspectedOnly += b.suspectedOnly
        a.suspectedFalsely += b.suspectedFalsely
        a.cautious += b.cautious
        a.suspectedCautiously += b.suspectedCautiously
        a.carried += b.carried
        a.toldAnyway += b.toldAnyway
        a.brief += b.brief
        a.explained += b.explained
        a.unknowable += b.unknowable
        a.doubled += b.doubled
        a.clearedEarly += b.clearedEarly
        a.neverCleared += b.neverCleared
        a.suspectedAfter += b.suspectedAfter
        a.toldAfter += b.toldAfter
    }

    /// Those that had to be told anew.
    package var owed: Int { detected + missed }
    /// Told within the holds.
    package var inTime: Int { detected - late }
}

/// The value below which a share of the values lies; nil without values.
package func quantile(_ values: [Float], _ share: Double) -> Double? {
    guard !values.isEmpty else { return nil }
    let place = Int((Double(values.count) * share).rounded(.up)) - 1
    return Double(values.sorted()[max(0, min(values.count - 1, place))])
}
