/// One alert with all its revisions.
struct AlertHistory {
    /// The time for which a revision stands, and when the gateway recorded it; seconds since 1970.
    struct Moment {
        var time: Double
        var recorded: Double
    }
    var lift: String
    var kind: String
    var revisions: Set<Int> = []
    /// All revisions that arrived, duplicates included.
    var received = 0
    /// When it was first only suspected.
    var suspected: Moment?
    /// Each time it was raised or confirmed. An alert that was cleared and continues is raised
    /// again.
    var raised: [Moment] = []
    /// Each time it ended, and each time that this was a presumption only.
    var ended: [Double] = []
    var presumed: [Double] = []

    private init(_ revision: AlertRevision) {
        lift = revision.lift
        kind = revision.kind
    }

    /// The alerts of the revisions, in the order of their ids. An alert that was suppressed from
    /// the first is left out. A suspicion that was suppressed has ended.
    static func gather(_ revisions: [AlertRevision]) -> [AlertHistory] {
        let reported = Set(revisions.lazy.filter { $0.state != "suppressed" }.map(\.alertID))
        var histories: [String: AlertHistory] = [:]
        for revision in revisions where reported.contains(revision.alertID) {
            histories[revision.alertID, default: AlertHistory(revision)].add(revision)
        }
        return histories.sorted { $0.key < $1.key }.map(\.value)
    }

    private mutating func add(_ revision: AlertRevision) {
        received += 1
        guard revisions.insert(revision.revision).inserted else { return }
        let moment = Moment(time: revision.time, recorded: revision.recorded)
        switch revision.state {
        case "suspected": if moment.time < suspected?.time ?? .infinity { suspected = moment }
        case "raised", "confirmed": raised.append(moment)
        case "cleared", "suppressed": ended.append(moment.time)
        case "presumed_released":
            ended.append(moment.time)
            presumed.append(moment.time)
        default: break
        }
    }

    /// Revisions that never arrived although a later one did. The limit guards against a
    /// nonsensical number.
    var lost: Int { min(revisions.max() ?? 0, 1_000_000) - revisions.count }
    /// The first time it was raised, and each time after it had ended.
    var raisedAnew: [Double] {
        let times = raised.map(\.time).sorted()
        return times.enumerated().filter { index, time in
            index == 0 || ended.contains { times[index - 1] < $0 && $0 <= time }
        }.map(\.element)
    }
    var firstRaised: Double? { raised.map(\.time).min() }
    /// When it was first suspected or raised.
    var first: Double? { ([suspected?.time].compactMap { $0 } + raised.map(\.time)).min() }
    /// It had been suspected or raised by this moment, and had not ended since.
    func isKnown(at time: Double) -> Bool {
        let times = ([suspected?.time].compactMap { $0 } + raised.map(\.time)).filter { $0 <= time }
        guard let last = times.max() else { return false }
        return !ended.contains { last < $0 && $0 <= time }
    }
    /// It had been raised by this moment, and had not ended since.
    func isOpen(at time: Double) -> Bool {
        let lastRaised = raised.map(\.time).filter { $0 <= time }.max() ?? .infinity
        return lastRaised <= time && !ended.contains { lastRaised < $0 && $0 <= time }
    }
    /// Its last revision ended it.
    var isOver: Bool {
        (ended.max() ?? -.infinity)
            >= max(raised.map(\.time).max() ?? -.infinity, suspected?.time ?? -.infinity)
    }
}
