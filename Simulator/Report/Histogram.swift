import City
import Scoring

/// The delays from the event to the alert: bars over seconds, of suspicions and of confirmed
/// alerts.
struct Histogram {
    private static let width = 900.0
    private static let height = 180.0
    private static let left = 40.0
    private static let bars = 45
    private let series: [(name: String, style: String, values: [Float])]
    /// Seconds a bar.
    private let step: Double

    init?(_ score: KindScore) {
        series = [
            ("suspected", "suspected", score.suspectedAfter),
            ("confirmed", "confirmed", score.raisedAfter),
        ].filter { !$0.2.isEmpty }
        guard let last = series.flatMap(\.values).max() else { return nil }
        // A round number of seconds a bar. Greater values are in the last bar.
        step =
            [1, 2, 5, 10, 20, 30, 60].first { $0 * Double(Self.bars) >= min(Double(last), 1800) }
            ?? 60
    }

    func draw(into page: inout Markup) {
        page.element(
            "svg", ["viewBox": "0 0 \(Self.width.point) \(Self.height.point)", "role": "img"]
        ) { plot in
            let counts = counts
            let most = counts.joined().max() ?? 1
            drawBars(counts, most: Double(most), into: &plot)
            drawAxis(into: &plot)
            plot.element("text", ["x": "0", "y": "12"], "\(most)")
            plot.element("text", ["x": "0", "y": Self.bottom.point], "0")
        }
        page.element("p", ["class": "legend"]) { writeLegend(into: &$0) }
    }

    private static let slot = (width - left) / Double(bars)
    private static let bottom = height - 20

    /// The values in each bar of each series.
    private var counts: [[Int]] {
        series.map { series in
            var counts = [Int](repeating: 0, count: Self.bars)
            for value in series.values {
                counts[min(Self.bars - 1, Int(Double(value) / step))] += 1
            }
            return counts
        }
    }

    private func drawBars(_ counts: [[Int]], most: Double, into plot: inout Markup) {
        let thick = Self.slot / Double(series.count) - 1
        for (index, series) in series.enumerated() {
            for (bar, count) in counts[index].enumerated() where count > 0 {
                let tall = Double(count) / most * (Self.bottom - 12)
                let x = Self.left + Double(bar) * Self.slot + Double(index) * (thick + 1)
                plot.element(
                    "rect",
                    [
                        "class": series.style, "x": x.point, "y": (Self.bottom - tall).point,
                        "width": thick.point, "height": tall.point,
                    ]
                ) {
                    let from = Double(bar) * step
                    $0.element(
                        "title", "\(count) \(series.name), \(Int(from)) to \(Int(from + step)) s")
                }
            }
        }
    }

    private func drawAxis(into plot: inout Markup) {
        for bar in stride(from: 0, to: Self.bars, by: 5) {
            let x = Self.left + Double(bar) * Self.slot
            plot.element(
                "line",
                [
                    "class": "axis", "x1": x.point, "x2": x.point, "y1": Self.bottom.point,
                    "y2": (Self.bottom + 4).point,
                ])
            plot.element(
                "text", ["x": x.point, "y": (Self.height - 3).point, "text-anchor": "middle"],
                "\(Int(Double(bar) * step)) s")
        }
    }

    private func writeLegend(into legend: inout Markup) {
        for series in series {
            legend.element("span", ["class": "swatch \(series.style)"])
            let (p50, p95) = (quantile(series.values, 0.5) ?? 0, quantile(series.values, 0.95) ?? 0)
            legend.write(
                " \(series.name): \(series.values.count), p50 \(p50.rounded(toDecimals: 1)) s, "
                    + "p95 \(p95.rounded(toDecimals: 1)) s, worst \((quantile(series.values, 1) ?? 0).rounded(toDecimals: 1)) s  "
            )
        }
    }
}
