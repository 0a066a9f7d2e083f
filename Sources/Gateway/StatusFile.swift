import Encoding
import LiftModel
import Monitoring
import Uplink

/// The content of the status file, which the daemon writes every second for `hoistway status`. The
/// file can be read also when the daemon is stuck; its age then shows that.
struct StatusReport {
    var site: AlertEvent.Site
    var startedAt: Int64
    var loop: TelemetryLoop
    var routes: [DeliveryState.RouteStatus]
    var pendingEvents: Int
    var oldestPending: Instant?
    var rulesVersion: String
    var processID: Int
    /// Events that a centre refused for good.
    var deadLetters = 0
    /// What was wrong with the rules at the last reload.
    var reloadProblem: String?
    /// Changed keys of the configuration that only a restart applies.
    var changedSinceStart: [String] = []
    /// Why alerts are sent unsigned, where they are to be signed.
    var signingProblem: String?
    var certificates: [Condition.OwnCertificate] = []
    var stateFolder = ""
    /// The journal was missing or empty at the start, though there had been one.
    var lostJournal = false
    /// The longest pause between two messages of a lift in good health, by its id.
    var longestPauses: [String: Duration] = [:]
    /// Self-tests are scheduled, and some centre takes them.
    var hasSelfTest = false

    func json(now: Instant, monotonic: Int64) -> [UInt8] {
        var json = JSONWriter()
        let detector = loop.intake.detector
        json.object {
            $0.put("version", productVersion)
            $0.put("pid", processID)
            $0.put("site", site.id)
            $0.put("site_name", site.name)
            $0.put("time", loop.clock.calendar(now).rfc3339)
            $0.put("monotonic_s", seconds: Instant(nanoseconds: monotonic))
            $0.put("up_s", Double((monotonic - startedAt) / 1_000_000) / 1000)
            $0.put("wall_offset_s", loop.clock.wallOffset.inSeconds)
            $0.put("clock_quality", loop.clock.quality.rawValue)
            $0.put("rules_version", rulesVersion)
            if let since = loop.failingSince { $0.put("disk_failing_s", Double(monotonic - since) / 1e9) }
            $0.object("broker") {
                $0.put("connected", loop.isSubscribed)
                $0.put("drained", loop.isDrained)
                $0.put("connects", loop.counters.connects)
                $0.put("failures", loop.counters.connectFailures)
                $0.put("last_error", loop.brokerTrouble)
                $0.array("problems") { for problem in loop.brokerProblems { $0.item(problem) } }
            }
            $0.object("centre") {
                // Every centre is connected by at least one route.
                $0.put(
                    "connected",
                    Set(routes.map(\.centre)).isSubset(of: routes.filter(\.isConnected).map(\.centre)))
                $0.put("receipts", routes.reduce(0) { $0 + $1.receipts })
                $0.put("unmatched_receipts", routes.reduce(0) { $0 + $1.unmatchedReceipts })
                $0.put("sent", routes.reduce(0) { $0 + $1.sent })
                $0.put("resent", routes.reduce(0) { $0 + $1.resent })
                if let last = routes.compactMap(\.lastReceipt).max() {
                    $0.put("last_receipt_age_s", Double(monotonic - last) / 1e9)
                }
                $0.put("last_error", routes.first { !$0.isConnected }?.lastError ?? "")
                $0.put("backlog", pendingEvents)
                if let oldestPending { $0.put("oldest_unsent_s", (now - oldestPending).inSeconds) }
            }
            $0.array("incidents") { array in
                for alert in loop.openAlerts {
                    array.object {
                        $0.put("id", alert.id)
                        $0.put("lift", alert.lift)
                        $0.put("kind", alert.kind)
                        $0.put("state", alert.state.rawValue)
                        $0.put("since_s", (now - alert.onset).inSeconds)
                        $0.put("accepted_by", alert.acceptedBy)
                        $0.put("wants_acceptance", Alert.isEntrapment(alert.kind) || alert.kind == Alert.carAlarmCall)
                    }
                }
            }
            $0.array("routes") { array in
                for route in routes {
                    array.object {
                        $0.put("name", route.name)
                        $0.put("url", route.url)
                        $0.put("connected", route.isConnected)
                        $0.put("receipts", route.receipts)
                        $0.put("refused", route.refused)
                        $0.put("sent", route.sent)
                        $0.put("resent", route.resent)
                        $0.put("last_error", route.lastError)
                        $0.array("problems") { for problem in route.problems { $0.item(problem) } }
                    }
                }
            }
            $0.object("counters") {
                $0.put("messages", loop.counters.messages)
                $0.put("commits", loop.counters.commits)
                $0.put("alerts", loop.counters.alerts)
                $0.put("redelivered", loop.counters.redelivered)
                $0.put("commit_failures", loop.counters.commitFailures)
                $0.put("fell_behind", loop.counters.stalls)
                $0.put("giant_packets", loop.counters.giantPackets)
                $0.put("unjournalled", loop.counters.unjournalled)
            }
            $0.array("checks") { array in
                for check in condition(now: now, monotonic: monotonic).checks {
                    array.object {
                        $0.put("subject", check.subject.rawValue)
                        $0.put("verdict", check.verdict.rawValue)
                        $0.put("found", check.found)
                        $0.put("advice", check.advice)
                    }
                }
            }
            if let report = loop.selfTestReport {
                $0.object("selftest") { report.write(to: &$0, loop.clock.calendarOffset) }
            }
            badInput(loop.intake.badInput, &$0)
            $0.array("lifts") { array in
                for index in 0..<detector.liftCount { array.object { lift(detector.view(index), now, &$0) } }
            }
        }
        json.line()
        return json.bytes
    }

    private func badInput(_ badInput: BadInput, _ json: inout JSONWriter) {
        json.object("bad_input") { object in
            object.object("counts") {
                for (kind, count) in badInput.counts.sorted(by: { $0.key < $1.key }) { $0.put(kind, count) }
            }
            object.put("refused", badInput.refused)
            object.array("values") { array in
                for value in badInput.values {
                    array.object {
                        $0.put("kind", value.kind)
                        $0.put("profile", value.profile)
                        $0.put("field", value.field)
                        $0.put("value", value.value)
                        $0.put("count", value.count)
                    }
                }
            }
            object.array("last") { array in
                for specimen in badInput.specimens {
                    array.object {
                        $0.put("time", loop.clock.calendar(specimen.arrival).rfc3339)
                        $0.put("kind", specimen.kind)
                        $0.put("topic", specimen.topic)
                        $0.put("explanation", specimen.explanation)
                        $0.put("payload", specimen.payload)
                    }
                }
            }
        }
    }

    private func lift(_ view: LiftView, _ now: Instant, _ json: inout JSONWriter) {
        json.put("id", view.lift.id)
        json.put("place", view.lift.place)
        if let last = view.lastSignOfLife { json.put("last_word_s", max(0, (now - last).inSeconds)) }
        json.put("clock_offset_s", view.clockOffset?.inSeconds)
        json.put("maintenance_s", view.maintenanceUntil.map { max(0, ($0 - now).inSeconds) })
        json.put("occupancy", view.occupancy.verdict.rawValue)
        json.put("occupancy_source", view.occupancy.source.rawValue)
        json.object("signals") { object in
            for evidence in view.signals {
                switch evidence.value {
                case .boolean(let value): object.put(evidence.signal, value)
                case .number(let value): object.put(evidence.signal, value)
                case .text(let value): object.put(evidence.signal, value)
                case .codes(let codes): object.array(evidence.signal) { for code in codes { $0.item(code) } }
                }
            }
        }
        json.object("counters") {
            $0.put("readings", view.counters.readings)
            $0.put("duplicates", view.counters.duplicates)
            $0.put("rolled_back", view.counters.rolledBack)
            $0.put("too_late", view.counters.historical)
            $0.put("absurd_times", view.counters.implausibleTimes)
            $0.put("standing_clocks", view.counters.stoppedClocks)
        }
        json.array("alerts") { array in
            for alert in view.openAlerts + loop.intake.refusedLifts.open.filter({ $0.lift == view.lift.id }) {
                array.object {
                    $0.put("id", alert.id)
                    $0.put("kind", alert.kind)
                    $0.put("state", alert.state.rawValue)
                    $0.put("since_s", (now - alert.onset).inSeconds)
                    $0.put("accepted_by", alert.acceptedBy)
                }
            }
        }
    }
}
