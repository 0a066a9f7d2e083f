import FoundationEssentials
import LiftModel
import Platform
import Scoring

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The demo's output for a person: a table that redraws on a terminal, and a line every 10 s in a
/// pipe.
struct Screen {
    private let isTerminal = isatty(1) == 1
    private var drawnLines = 0
    private var lastShown = MonotonicTime.boot
    private var latest: [String] = []
    private var alertsRead = 0

    mutating func say(_ sentence: String) {
        if isTerminal { erase() }
        print(sentence)
        fflush(nil)
    }

    mutating func show(statusFile: String, alertsFile: String, progress: Double) {
        let now = MonotonicClock.now
        let pause = Duration.milliseconds(isTerminal ? 500 : 10_000)
        guard now - lastShown >= pause, let status = GatewayStatus(file: statusFile) else { return }
        lastShown = now
        readAlerts(alertsFile)
        let open = status.lifts.flatMap { lift in lift.alerts.map { (lift.id, $0) } }
        let age = now.seconds - status.monotonicS
        let summary =
            "\(Int(progress * 100))%  gateway \(age < 3 ? "up" : "DOWN")  broker \(status.broker.connected ? "ok" : "down")  centre \(status.centre.connected ? "ok" : "DOWN")  "
            + "\(status.counters.messages) messages  \(open.count) open alerts  waiting \(status.centre.backlog)  stored by the centre \(alertsRead)"
        if !isTerminal {
            print(summary)
            fflush(nil)
            return
        }
        erase()
        var lines = [bar(progress), summary, ""]
        for (lift, alert) in open.sorted(by: { $0.1.kind < $1.1.kind }).prefix(12) {
            let colour = alert.kind.hasPrefix("entrapment") ? "31" : "33"
            lines.append(
                "  lift …\(lift.suffix(4))  \u{1B}[\(colour)m\(alert.kind) \(alert.state)\u{1B}[0m  \(Int(alert.sinceS)) s"
            )
        }
        lines.append("")
        lines.append("Last at the centre:")
        for line in latest { lines.append("  " + line) }
        for line in lines { print(line) }
        drawnLines = lines.count
        fflush(nil)
    }

    mutating func finish() { drawnLines = 0 }

    private mutating func readAlerts(_ path: String) {
        guard let data = FileManager.default.contents(atPath: path) else { return }
        let lines = data.split(separator: 10)
        alertsRead = lines.count
        latest = lines.suffix(5).compactMap { line in
            // Other events are in the file, too, and the last line may be written just now.
            // Other events are in the file, too, and the last line may be written just now.
            guard let alert = try? decodeJSON(AlertRevision.self, Data(line)) else { return nil }
            return "lift …\(alert.lift.suffix(4))  \(alert.kind) \(alert.state)"
        }
    }

    private func bar(_ progress: Double) -> String {
        let width = 60
        let filled = Int(progress * Double(width))
        return "[" + String(repeating: "=", count: filled)
            + String(repeating: " ", count: width - filled) + "]"
    }

    private mutating func erase() {
        if drawnLines > 0 { print("\u{1B}[\(drawnLines)A\u{1B}[J", terminator: "") }
        drawnLines = 0
    }
}
