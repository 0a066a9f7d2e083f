/// One alert with all its revisions.
struct Story {
    /// For when a word stands, and when the gateway said it; seconds since 1970.
    struct Moment {
        var time: Double
        var said: Double
    }
    var lift: String
    var kind: String
    var revisions: Set<Int> = []
    /// With those that came twice.
    var words = 0
    /// When it was first merely suspected.
    var suspected: Moment?
    /// Each time it was said in earnest: an alert that was over and goes on says so again.
    var told: [Moment] = []
    /// Each time it was said to be over, and each time that was a presumption only.
    var ended: [Double] = []
    var presumed: [Double] = []

    private init(_ word: AlertWord) {
        lift = word.lift
        kind = word.kind
    }

    /// The alerts that words tell of, in the order of their ids. What was suppressed from the first tells of none; a suspicion that was
    /// suppressed is over.
    static func gather(_ words: [AlertWord]) -> [Story] {
        let told = Set(words.lazy.filter { $0.state != "suppressed" }.map(\.alertID))
        var stories: [String: Story] = [:]
        for word in words where told.contains(word.alertID) {
            stories[word.alertID, default: Story(word)].add(word)
        }
        return stories.sorted { $0.key < $1.key }.map(\.value)
    }

    private mutating func add(_ word: AlertWord) {
        words += 1
        guard revisions.insert(word.revision).inserted else { return }
        switch word.state {
        case "suspected":
            if word.time < suspected?.time ?? .infinity { suspected = Moment(time: word.time, said: word.said) }
        case "raised", "confirmed": told.append(Moment(time: word.time, said: word.said))
        case "cleared", "suppressed": ended.append(word.time)
        case "presumed_released":
            ended.append(word.time)
            presumed.append(word.time)
        default: break
        }
    }

    /// Revisions that never arrived although a later one did. A nonsensical number does not make a million of them.
    var lost: Int { min(revisions.max() ?? 0, 1_000_000) - revisions.count }
    /// Each time it was told anew: at first, and after it had been said to be over.
    var raised: [Double] {
        let times = told.map(\.time).sorted()
        return times.enumerated().filter { place, time in
            place == 0 || ended.contains { times[place - 1] < $0 && $0 <= time }
        }.map(\.element)
    }
    var firstTold: Double? { told.map(\.time).min() }
    /// Its first word of any weight.
    var first: Double? { ([suspected?.time].compactMap { $0 } + told.map(\.time)).min() }
    /// It had been suspected or told before this moment, and nobody had said that it was over.
    func isKnown(at time: Double) -> Bool {
        let words = ([suspected?.time].compactMap { $0 } + told.map(\.time)).filter { $0 <= time }
        guard let last = words.max() else { return false }
        return !ended.contains { last < $0 && $0 <= time }
    }
    /// It had been told in earnest before this moment, and nobody had said that it was over.
    func isOpen(at time: Double) -> Bool {
        let lastTold = told.map(\.time).filter { $0 <= time }.max() ?? .infinity
        return lastTold <= time && !ended.contains { lastTold < $0 && $0 <= time }
    }
    /// The last word about it was that it is over.
    var isOver: Bool {
        (ended.max() ?? -.infinity) >= max(told.map(\.time).max() ?? -.infinity, suspected?.time ?? -.infinity)
    }
}
