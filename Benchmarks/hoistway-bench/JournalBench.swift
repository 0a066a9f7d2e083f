import ArgumentParser
import Contract
import DeviceProfiles
import FoundationEssentials
import Gateway
import GatewayCore
import Journal
import LiftModel
import Monitoring

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The speed of the journal, what it writes to the disk, and how long a start with a full one
/// takes.
struct JournalBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "journal",
        abstract:
            "Commits a second, bytes stored and written for a flight recorder of 72 h, the start with a full store."
    )

    @Option(help: "Hours of readings, at the lifts' pace.") var hours = 2.0
    @Option(help: "Lifts at 1 Hz.") var lifts = 200
    @Option(help: "How long a commit waits for more, in seconds: the gateway's commit_wait.")
    var commitWait = 2.0
    @Option(help: "A folder on the disk to be measured.") var folder = ".build"
    @Option(help: "Quota of readings in MiB.") var quota = 2048
    @Flag(help: "The flight recorder and the start only.") var recorderOnly = false

    func run() throws {
        let path = "\(folder)/hoistway-bench-\(getpid()).db"
        defer { for suffix in ["", "-wal", "-shm"] { unlink(path + suffix) } }
        for part in recorderOnly ? [] : [alerts, readings] {
            try part(path)
            for suffix in ["", "-wal", "-shm"] { unlink(path + suffix) }
        }
        try record(path)
        try start(path)
    }

    private func alerts(_ path: String) throws {
        let journal = try Journal(path)
        let start = Instant(nanoseconds: 1_772_323_200_000_000_000)
        var number = 0
        let site = AlertEvent.Site(id: "site")
        func batch(_ count: Int) -> Journal.Batch {
            var batch = Journal.Batch(now: start + .milliseconds(number))
            for _ in 0..<count {
                number += 1
                let alert = sample(number, at: start + .milliseconds(number))
                batch.alerts.append(
                    (
                        alert,
                        AlertEvent.json(
                            alert, lift: Lift(id: alert.lift), site: site, recorded: alert.time)
                    ))
            }
            return batch
        }
        var lone: [Double] = []
        for _ in 0..<300 {
            let one = batch(1)
            let began = wallSeconds()
            try journal.commit(one)
            lone.append((wallSeconds() - began) * 1e3)
        }
        lone.sort()
        printRow(
            "a lone alert, on disk", "p50 \(written(lone[150])) ms",
            "p99 \(written(lone[297])) ms, worst \(written(lone[299]))"
        )
        let batches = (0..<60).map { _ in batch(1000) }
        var next = 0
        try pace("alerts in batches of 1,000", batches.count) {
            try journal.commit(batches[next])
            next += 1
        }
        let (began, held) = (wallSeconds(), try journal.statistics())
        let gone = try journal.enforce(Quota(readings: 1 << 30, outbox: held.pendingBytes - 1))
        printRow(
            "an outbox of \(held.pendingBytes >> 20) MiB beyond its quota",
            "\(written((wallSeconds() - began) * 1e3, 0)) ms",
            "\(gone.coalesced) outdated revisions and \(gone.undelivered.values.reduce(0, +)) events gone"
        )
    }

    private func sample(_ number: Int, at time: Instant) -> Alert {
        let lift = "lift-\(number % lifts)"
        return Alert(
            id: AlertIdentity.id(
                AlertOrigin(site: "site"), lift: lift, kind: "door.jammed", onset: time.nanoseconds,
                earlier: number),
            revision: 1,
            lift: lift, kind: "door.jammed", state: .confirmed, severity: .major,
            rule: "door-jammed", ruleVersion: "1",
            onset: time, time: time, reason: "held", hold: .seconds(10), confirmationHold: nil,
            evidence: [
                Evidence(signal: "moving", value: .boolean(false)),
                Evidence(signal: "doors.front.locked", value: .boolean(false)),
                Evidence(signal: "floor", value: .number(7)),
            ], vendorCode: nil, title: Title(en: "The landing door does not close", zh: "层门不能关闭"))
    }

    private func readings(_ path: String) throws {
        let journal = try Journal(path)
        let start = Instant(nanoseconds: 1_772_323_200_000_000_000)
        var fleet = Fleet(lifts: lifts, start: start)
        let batches = (0..<50).map { _ in journalled(fleet.messages(1000)) }
        var next = 0
        try pace("readings in batches of 1,000", batches.count) {
            var batch = Journal.Batch(now: start)
            batch.messages = batches[next]
            next += 1
            try journal.commit(batch)
        }
    }

    private func pace(_ what: String, _ times: Int, _ body: () throws -> Void) throws {
        let (began, cpu) = (wallSeconds(), cpuSeconds())
        for _ in 0..<times { try body() }
        let count = Double(times) * 1000
        printRow(
            what, "\(written(count / (wallSeconds() - began), 0)) a second",
            "\(written((cpuSeconds() - cpu) / count * 1e6)) µs CPU each, each batch synced")
    }

    /// The flight recorder: the lifts' messages, committed as the gateway does, with its snapshots.
    private func record(_ path: String) throws {
        let journal = try Journal(path)
        let start = Instant(nanoseconds: 1_772_323_200_000_000_000)
        var fleet = Fleet(lifts: lifts, start: start)
        let data = try DeviceData(profiles: ["Devices/profiles"], rules: ["Devices/rules"])
        var intake = Intake(data: data, admission: .registered, start: start, isObserving: true)
        for lift in fleet.names {
            try intake.register(Lift(id: lift), profile: "gbt24476-json", at: start)
        }
        let commits = Int(hours * 3600 / commitWait)
        let perCommit = Int(Double(lifts) * commitWait)
        let before = blockBytes()
        var raw = 0
        for commit in 0..<commits {
            let messages = fleet.messages(perCommit)
            raw += messages.reduce(0) { $0 + $1.payload.count + $1.topic.count }
            let now = start + .nanoseconds(Int64(Double(commit + 1) * commitWait * 1e9))
            var batch = Journal.Batch(now: now)
            batch.messages = journalled(messages)
            let sequence = try journal.commit(batch)
            if commit % Int(300 / commitWait) == 0 {
                for message in messages {
                    intake.take(
                        topic: message.topic.span, payload: message.payload.span, isRetained: false,
                        arrival: message.arrival)
                }
                try journal.saveSnapshot(intake.detector.snapshot(), through: sequence)
            }
            _ = try journal.enforce(Quota(readings: quota << 20))
        }
        let held = try journal.statistics()
        let wrote = blockBytes() - before
        let perDay = 86_400 / (Double(commits) * commitWait)
        printRow(
            "recorder: \(lifts) lifts at 1 Hz, \(hours) h",
            "\(written(Double(held.readingsBytes) / Double(commits * perCommit))) bytes a message",
            "of \(raw / (commits * perCommit)) with its topic; commits of \(commitWait) s")
        printRow(
            "72 h of them", "\(written(Double(held.fileBytes) * perDay * 3 / 1e9)) GB",
            "\(written(Double(raw) * perDay * 3 / 1e9)) GB as they came")
        printRow(
            "written to the block device", "\(written(Double(wrote) * perDay / 1e9)) GB a day",
            "\(written(Double(wrote) / Double(held.fileBytes))) bytes for each byte of journal")
    }

    private func start(_ path: String) throws {
        let (began, cpu) = (wallSeconds(), cpuSeconds())
        let journal = try Journal(path)
        let last = try journal.lastTime()
        let opened = wallSeconds() - began
        var messages = 0
        try journal.forEachBatch(after: try journal.snapshot()?.through ?? 0) {
            messages += $0.messages.count
        }
        let size = try journal.statistics().fileBytes
        printRow(
            "start with a store of \(size >> 20) MiB", "\(written(opened * 1e3)) ms to open",
            "\(messages) messages after the snapshot in \(written((wallSeconds() - began) * 1e3, 0)) ms, \(written(cpuSeconds() - cpu, 3)) CPU s\(last == nil ? ", empty" : "")"
        )
        let evicting = wallSeconds()
        let gone = try journal.evictReadings(beyond: try journal.statistics().readingsBytes - 1)
        printRow(
            "evicting its oldest segment", "\(written((wallSeconds() - evicting) * 1e3)) ms",
            "\(gone) batches")
    }

    private func journalled(_ messages: [Fleet.Message]) -> [JournalledMessage] {
        messages.enumerated().map { index, message in
            JournalledMessage(
                arrival: message.arrival.nanoseconds, topic: message.topic,
                payload: message.payload, isRetained: false,
                mid: index % 65_535 + 1)
        }
    }
}

func wallSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

/// The bytes that this process has caused to be written to block devices.
private func blockBytes() -> Int {
    let text =
        FileManager.default.contents(atPath: "/proc/self/io").map {
            String(decoding: $0, as: UTF8.self)
        } ?? ""
    let line = text.split(separator: "\n").first { $0.hasPrefix("write_bytes:") }
    return line?.split(separator: " ").last.flatMap { Int($0) } ?? 0
}
