import City
import LiftModel
import Scoring

/// What the demo's programs left behind, and whether that is right.
struct DemoOutcome {
    private let demo: Demo
    private let folder: String
    /// Breaches of the contract, a line each.
    private let breaches: [Substring]
    private let centreSummary: Substring?
    /// Messages that the gateway recognised as sent again, and all that it read; nil where its
    /// status cannot be read.
    private let redelivered: Int?
    private let read: Int?
    /// Messages that the fleet published; nil where it has not written that.
    private let published: Int?
    private let reloads: Int
    private var card = ScoreCard()
    /// Seconds for which no gateway observed.
    private var unobserved = 0.0

    /// Reads the status and the logs, while the gateway still runs.
    init(_ demo: Demo, folder: String, _ programs: DemoPrograms) throws {
        self.demo = demo
        self.folder = folder
        let centreLog = try programs.log("centre")
        breaches = centreLog.filter { $0.hasPrefix("breach") }
        centreSummary = centreLog.last { $0.contains("messages,") }
        let counters = GatewayStatus(file: "\(folder)/status.json")?.counters
        redelivered = counters?.redelivered
        read = counters?.messages
        // The last count in the fleet's log.
        published = try programs.log("fleet").compactMap {
            $0.split(separator: " ").first.flatMap { Int($0) }
        }.last
        reloads = try programs.log("gateway").count { $0.contains("rules reloaded") }
    }

    /// - Parameter deaf: when no gateway observed, seconds since 1970.
    mutating func score(deaf: [ClosedRange<Double>]) throws {
        let truth: [TruthRow] = try Score.lines("\(folder)/truth.ndjson")
        let alerts = try Score.alerts("\(folder)/alerts.ndjson")
        card = ScoreCard(
            truth: truth, alerts: alerts, grace: 12, entrapmentHolds: DemoThresholds.holds,
            deaf: deaf)
        unobserved = deaf.reduce(0) { $0 + $1.upperBound - $1.lowerBound }
    }

    /// Prints the outcome.
    /// - Returns: whether it is right.
    func report() -> Bool {
        print("")
        print(card.tableWithLegend)
        for finding in card.findings
        where finding.verdict == .missed || finding.verdict == .falseAlarm {
            print(finding.line)
        }
        print(
            "no gateway observed for \(unobserved.rounded(toDecimals: 1)) s, which is added to the holds"
        )
        let recognised = redelivered.map(String.init) ?? "an unknown number of"
        print(
            "\(demo.kills) kills; \(recognised) messages that the broker sent again after their commit were recognised"
        )
        if demo.kills == 0 {
            let read = read.map(String.init) ?? "an unknown number"
            print("\(published ?? 0) messages published, \(read) read by the gateway")
        }
        print("\(centreSummary ?? "the centre printed nothing")")
        for breach in breaches.prefix(20) { print(breach) }
        if demo.reloads > 0 { print("\(reloads) reloads of \(demo.reloads) asked for") }
        let entrapment = card.entrapment
        print(
            isGood
                ? "\(entrapment.happened) entrapments. \(entrapment.recallSentence) Every alert was delivered and counted once."
                : "FAILED: an entrapment was missed, lost or invented, or there was none to raise.")
        return isGood
    }

    private var isGood: Bool {
        let entrapment = card.entrapment
        let alerted =
            entrapment.suspicionExpected - entrapment.suspicionMissed + entrapment.detected
            + entrapment.raisedAnyway
        let isRead = published.flatMap { published in read.map { $0 >= published } } == true
        // Many kills without a redelivery would mean that the test tests nothing. Two signals
        // during one reload count as one.
        return card.isGood && alerted > 0 && breaches.isEmpty
            && (demo.kills < 20 || redelivered.map { $0 > 0 } == true)
            && (demo.kills > 0 || isRead)
            && reloads * 10 >= demo.reloads * 9
    }
}
