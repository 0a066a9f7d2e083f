import Detection
import Elevator
import Journal
import Mosquitto
import Uplink

/// What people want of the loop, here or at a centre; the self-test; and the clock.
extension TelemetryLoop {
    /// Follows the orders that wait in the box; each leaves it when it is durable, all of a turn with one commit.
    func followOrders(in box: OrderBox) {
        // A batch whose commit failed goes first, unless it is clear that no disk will take it.
        guard retryCommitAt == nil || diskFailing.isOpen else { return }
        noticeBehind()
        for name in pendingOrders where !box.followed(name) {
            log.error("orders: '\(name)' cannot be removed from its folder, and is not followed again")
        }
        pendingOrders.removeAll { !box.isWaiting($0) }
        for waiting in box.waiting(upTo: Self.ordersAtOnce) where !pendingOrders.contains(waiting.name) {
            follow(waiting, in: box)
        }
        guard !pendingControls.isEmpty || hasSomethingToTell else { return }
        tryCommit(now: clock.now)
        if retryCommitAt == nil { pendingOrders.removeAll { box.followed($0) } }
    }

    private func follow(_ waiting: OrderBox.Waiting, in box: OrderBox) {
        let now = clock.now
        // A person's clock is the wall's; this line may be off by what the wall was set since the start.
        let order = waiting.order.moved(by: .zero - clock.wallOffset)
        var problem: String?
        do throws(OrderProblem) {
            if let word = waiting.word, !isTold(word.centre, of: order) { throw OrderProblem.notYours(word.centre) }
            if let word = waiting.word, isAnswered(word) {
                box.followed(waiting.name)
                return
            }
            try intake.follow(order, at: now)
            log.notice("order: \(waiting.order.words)")
            recorder?.event(.order(order), session: session, at: now)
            collectAlerts()
            pendingControls.append(TimedControl(control: .order(order), time: now))
        } catch {
            log.warning("order refused: \(error)")
            problem = error.description
        }
        if let word = waiting.word {
            answer(word, order, problem, at: now)
        } else if let problem {
            return box.refuse(waiting.name, because: problem)
        }
        pendingOrders.append(waiting.name)
    }

    /// The centre has said it before: it did not hear the answer, or its broker brought it twice.
    private func isAnswered(_ word: OrderBox.CentreOrigin) -> Bool {
        guard let id = word.wordID else { return false }
        return pendingWords.contains { $0.centre == word.centre && $0.id == id }
            || (try? journal.isAnswered(id, of: word.centre)) ?? false
    }

    /// Whether the centre is told of the alert that its person speaks of. What nobody knows is refused by the detector.
    func isTold(_ centre: String, of order: Order) -> Bool {
        guard let lane = order.alertID.flatMap({ intake.detector.lane(ofAlert: $0) }) else { return true }
        return settings.lanes[centre]?.contains(lane) ?? false
    }

    func answer(_ word: OrderBox.CentreOrigin, _ order: Order, _ problem: String?, at now: Instant) {
        if let id = word.wordID { pendingWords.append((word.centre, id)) }
        let id = AlertIdentity.id(
            settings.site.origin, lift: settings.site.id, kind: "word", onset: now.nanoseconds, earlier: 0)
        pendingEvents.append(
            OwedEvent(
                id: id, type: "word", lane: .fault, subject: settings.site.id,
                body: WordAnswer.json(word, order, problem: problem, id: id, site: settings.site, at: now)))
    }

    /// Goes on under other rules. What is in memory is written first, and the new state with the first commit after: a restart
    /// must not fold again under the new rules what was judged under the old.
    func adopt(_ rules: RuleSet) throws {
        noticeBehind()
        let now = clock.now
        collectAlerts()
        try commit(now: now)
        try intake.adopt(rules, at: now)
        collectAlerts()
        wantsSnapshot = true
        // Should this fail, the rules hold all the same, and it is tried again.
        tryCommit(now: now)
        lastSnapshot = MonotonicClock.nanoseconds
    }

    // MARK: Self-test

    /// - Returns: whether one begins; not while one runs.
    @discardableResult
    func beginSelfTest(centres: [String], data: DeviceData) throws -> Bool {
        guard selfTest == nil else { return false }
        log.notice("self-test: a virtual lift stops between floors with a passenger")
        selfTest = try SelfTest(
            site: settings.site, centres: centres, data: data, rules: intake.detector.rules,
            client: settings.client, at: clock.now)
        selfTestReport = selfTest?.report
        return true
    }

    func carryOnSelfTest(_ now: Instant) {
        guard selfTest != nil, retryCommitAt == nil else { return }
        do throws(JournalError) {
            for alert in try selfTest?.turn(at: now, journal) ?? [] { tell(alert) }
        } catch { log.error("self-test: \(error)") }
        guard let report = selfTest?.report else { return }
        selfTestReport = report
        guard let ended = report.ended else { return }
        selfTest = nil
        tell(.selfTest(report, site: settings.site, at: now))
        if let problem = report.problem {
            log.error("self-test failed: \(problem)")
            if let alert = selfTestFailed.raise(onset: report.started, at: now, hold: .zero, because: problem) {
                tell(alert)
            }
        } else {
            let stored = report.stored.map { "\($0.centre) after \($0.seconds) s" }.joined(separator: ", ")
            log.notice(
                "self-test passed: raised after \(report.raised ?? 0) s, stored by \(stored); over after \(ended) s")
            if let alert = selfTestFailed.clear(at: now, because: GatewayKind.selfTestFailed.cleared) { tell(alert) }
        }
        do throws(JournalError) {
            try journal.set("selftest_at", now.nanoseconds)
            try journal.set("selftest_passed", report.passed ? 1 : 0)
        } catch { log.error("\(error)") }
    }

    // MARK: The clock

    /// Somebody has set the wall clock right: what was stamped in this run, and in earlier ones of the same boot, is corrected by what it was
    /// wrong, and both are told.
    func noticeClock() {
        guard clock.quality != .free, retryCommitAt == nil else { return }
        let correction = abs(clock.wallOffset) < .seconds(1) ? .zero : clock.wallOffset
        let isOtherwise = abs(correction - (toldCorrection ?? .zero)) >= .seconds(1)
        guard toldCorrection == nil || isOtherwise else { return }
        do throws(JournalError) {
            let earlier = try journal.correctRuns(by: correction.nanoseconds)
            toldCorrection = correction
            guard isOtherwise || earlier > 0 else { return }
            tell(.clock(correction: correction, site: settings.site, bootID: settings.bootID, at: clock.now))
            log.notice(
                "the wall clock was set: times of this run are off by \(correction.written), those of \(earlier) earlier ones of this boot are corrected too; the centre is told"
            )
        } catch { log.error("\(error)") }
    }
}

private func abs(_ duration: Duration) -> Duration { duration < .zero ? .zero - duration : duration }
