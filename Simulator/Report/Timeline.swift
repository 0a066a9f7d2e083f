import City
import LiftModel
import Scoring

/// One lift over some minutes: the truth, its signals and its alerts, one below the other.
struct Timeline {
    /// Seconds shown before and after.
    static let margin = 120.0
    private static let width = 1000.0
    private static let left = 190.0
    private static let lane = 18.0
    /// The signals that a person looks for, in this order. A signal that is unknown throughout is
    /// left out.
    private static let signals: [Signal] = [
        .mode, .moving, .floor, .inDoorZone, .frontLocked, .frontFullyOpen, .occupied, .load,
        .speed, .codes, .online,
    ]
    private struct Bar {
        var from: Double
        var to: Double
        var style: String
        var title: String
        /// Written into the bar, where there is room.
        var label = ""
    }

    let lift: String
    /// Seconds since 1970.
    let span: ClosedRange<Double>
    private var lanes: [(name: String, bars: [Bar])] = []

    /// - Parameter around: the times to show, seconds since 1970.
    init(
        lift: String, around: ClosedRange<Double>, truth: [TruthRow], alerts: [AlertRevision],
        trace: LiftTrace?
    ) {
        self.lift = lift
        span =
            around.lowerBound
            - Self.margin...min(around.upperBound + Self.margin, around.lowerBound + 3600)
        let facts = truth.filter { $0.lift == lift && $0.kind != "lift" }
        for (kind, facts) in Dictionary(grouping: facts, by: \.kind).sorted(by: { $0.key < $1.key })
        {
            add(
                "truth: \(kind)",
                facts.map {
                    Bar(
                        from: $0.start, to: max($0.end, $0.start + 1),
                        style: kind == "entrapment" ? "trapped" : "fact",
                        title:
                            "\(kind) \(Self.seconds($0.start, $0.end))\($0.people.map { ", \($0) people" } ?? "")"
                            + "\($0.cause.map { ", \($0)" } ?? "")",
                        label: $0.cause ?? "")
                })
        }
        for signal in Self.signals { addSignal(signal, trace?.changes[lift]?[signal] ?? []) }
        if let arrivals = trace?.arrivals[lift] {
            add(
                "messages",
                arrivals.map { Bar(from: $0, to: $0, style: "message", title: "a message arrived") }
            )
        }
        for (kind, revisions) in Dictionary(grouping: alerts.filter { $0.lift == lift }, by: \.kind)
            .sorted(by: {
                $0.key < $1.key
            })
        {
            add(
                "alert: \(kind)",
                Dictionary(grouping: revisions, by: \.alertID).values.flatMap(Self.bars))
        }
    }

    private mutating func add(_ name: String, _ bars: [Bar]) {
        let visible = bars.filter { $0.to >= span.lowerBound && $0.from <= span.upperBound }
        if !visible.isEmpty { lanes.append((name, visible)) }
    }

    private mutating func addSignal(_ signal: Signal, _ changes: [LiftTrace.Change]) {
        var bars: [Bar] = []
        for (index, change) in changes.enumerated() {
            let end = index + 1 < changes.count ? changes[index + 1].time : .infinity
            let style =
                switch change.value {
                case "unknown": "unknown"
                case "false", "none", "normal", "0": "off"
                default: "on"
                }
            bars.append(
                Bar(
                    from: change.time, to: end, style: style,
                    title: "\(signal.name) \(change.value)",
                    label: ["true", "false", "none"].contains(change.value) ? "" : change.value))
        }
        if bars.contains(where: { $0.style != "unknown" }) { add(signal.name, bars) }
    }

    /// From each revision of an alert to its next.
    private static func bars(_ revisions: [AlertRevision]) -> [Bar] {
        let revisions = revisions.sorted { $0.revision < $1.revision }
        return revisions.indices.compactMap { index in
            let revision = revisions[index]
            guard !["cleared", "presumed_released", "suppressed"].contains(revision.state) else {
                return nil
            }
            return Bar(
                from: revision.time,
                to: index + 1 < revisions.count ? revisions[index + 1].time : .infinity,
                style: revision.state == "suspected" ? "suspected" : "confirmed",
                title: "\(revision.kind) \(revision.state)", label: revision.state)
        }
    }

    private static func seconds(_ from: Double, _ to: Double) -> String {
        "for \((to - from).rounded(toDecimals: 1)) s"
    }

    // MARK: Drawing

    private func x(_ time: Double) -> Double {
        let share =
            (min(max(time, span.lowerBound), span.upperBound) - span.lowerBound)
            / (span.upperBound - span.lowerBound)
        return Self.left + share * (Self.width - Self.left)
    }

    func draw(into page: inout Markup) {
        let height = Double(lanes.count) * (Self.lane + 4) + 24
        page.element("svg", ["viewBox": "0 0 \(Self.width.point) \(height.point)", "role": "img"]) {
            plot in
            drawTimes(&plot, height)
            for (row, lane) in lanes.enumerated() {
                let y = Double(row) * (Self.lane + 4)
                plot.element("text", ["x": "0", "y": (y + 13).point, "class": "lane"], lane.name)
                for bar in lane.bars { draw(bar, at: y, &plot) }
            }
        }
    }

    private func draw(_ bar: Bar, at y: Double, _ plot: inout Markup) {
        let (from, to) = (x(bar.from), x(bar.to))
        let width = max(1, to - from)
        plot.element(
            "rect",
            [
                "class": bar.style, "x": from.point, "y": y.point, "width": width.point,
                "height": Self.lane.point,
            ]
        ) { $0.element("title", bar.title) }
        // A letter is about seven units wide.
        if width > Double(bar.label.count) * 7 + 6 {
            plot.element(
                "text", ["x": (from + 4).point, "y": (y + 13).point, "class": "inner"], bar.label)
        }
    }

    private func drawTimes(_ plot: inout Markup, _ height: Double) {
        let length = span.upperBound - span.lowerBound
        let step = [10.0, 30, 60, 120, 300, 600].first { length / $0 <= 12 } ?? 600
        var time = (span.lowerBound / step).rounded(.up) * step
        while time <= span.upperBound {
            plot.element(
                "line",
                [
                    "class": "axis", "x1": x(time).point, "x2": x(time).point, "y1": "0",
                    "y2": (height - 20).point,
                ])
            let clock = String(
                Instant(nanoseconds: Int64(time) * 1_000_000_000).rfc3339.dropFirst(11).prefix(8))
            plot.element(
                "text", ["x": x(time).point, "y": (height - 6).point, "text-anchor": "middle"],
                clock)
            time += step
        }
    }
}
