import Encoding
import Journal
import LiftModel
import SimulatedDisk

/// One step of a run on a journal.
enum Step: CustomStringConvertible {
    case commit(messages: Int, alerts: Int, withSnapshot: Bool)
    case receipt(indices: [Int])
    case snapshot
    case evict(quota: Int)
    case fault(SimulatedDisk.Fault, after: Int)
    case repair
    case powerCut
    case restart

    var description: String {
        switch self {
        case .commit(let messages, let alerts, let withSnapshot):
            "commit \(messages) messages, \(alerts) alerts\(withSnapshot ? ", and a snapshot" : "")"
        case .receipt(let indices): "receipt for \(indices)"
        case .snapshot: "snapshot"
        case .evict(let quota): "evict readings beyond \(quota)"
        case .fault(let kind, let after): "\(kind) after \(after)"
        case .repair: "the disk is repaired"
        case .powerCut: "power cut"
        case .restart: "restart"
        }
    }

    static func random(_ random: inout SplitMix64) -> [Step] {
        func below(_ n: Int) -> Int { Int(random.next() % UInt64(n)) }
        var steps: [Step] = []
        for _ in 0..<8 + below(20) {
            switch below(20) {
            case 0...8:
                steps.append(
                    .commit(messages: below(6), alerts: below(3), withSnapshot: below(8) == 0))
            case 9...10: steps.append(.receipt(indices: (0..<1 + below(3)).map { _ in below(8) }))
            case 11: steps.append(.snapshot)
            case 12: steps.append(.evict(quota: below(3) * 100))
            case 13...15:
                let kind = SimulatedDisk.Fault.allCases[below(SimulatedDisk.Fault.allCases.count)]
                steps.append(.fault(kind, after: below(30)))
            case 16: steps.append(.repair)
            case 17...18: steps.append(.powerCut)
            default: steps.append(.restart)
            }
        }
        return steps + [.powerCut]
    }
}

/// A journal on a simulated disk, with a model of its required content.
///
/// Invariants that every run checks, besides those of the journal itself:
/// - start: after a power cut, and with a disk without faults, the journal opens.
/// - durable: the effect of every `commit`, `receipt` and `saveSnapshot` that has returned is there
///   after any power cut.
/// - nothing invented: every record was written; a call that failed has its whole effect, or none.
/// - order: batches come back in the order of their commits, without a gap.
/// - needed: no batch after the snapshot is ever missing.
/// - sound: every record carries its hash, its number, and its link in the chain.
struct Model {
    struct Violation: Error, CustomStringConvertible {
        var description: String
    }
    private struct Batch: Equatable {
        var messages: [JournalledMessage] = []
        var control = ""
        var alerts: [String] = []
        var snapshot: [UInt8]?
    }

    private static let path = "/journal.db"
    private let disk: SimulatedDisk
    private var random: SplitMix64
    private var journal: Journal?
    private var count = 0
    /// Acknowledged, in order; the first has sequence 1.
    private var batches: [Batch] = []
    /// Calls that failed: of those since the last success at most one may turn out to be there.
    private var uncertain: [Batch] = []
    private var pending: Set<String> = []
    private var uncertainReceipts: Set<String> = []
    private var snapshot: (state: [UInt8], through: Int)?
    private var uncertainSnapshots: [(state: [UInt8], through: Int)] = []
    private(set) var powerCuts = 0
    private(set) var failedCalls = 0
    private(set) var checkedBatches = 0
    var faultsMet: Int { disk.faultsMet }

    init(seed: UInt64) {
        random = SplitMix64(seed: seed)
        disk = SimulatedDisk(seed: random.next())
        DiskFileSystem.disk = disk
    }

    /// - Throws: `Violation`.
    mutating func run(_ steps: [Step]) throws {
        for step in steps { try take(step) }
        journal = nil
    }

    private mutating func take(_ step: Step) throws {
        switch step {
        case .fault(let kind, let after): disk.plan(kind, after: after)
        case .repair: disk.repair()
        case .powerCut:
            disk.loseContact()
            journal = nil
            disk.cutPower()
            powerCuts += 1
            try mustOpen()
            try check()
        case .restart:
            journal = nil
            open()
            // A failed call may have its effect from now on: check, with a disk without faults.
            disk.repair()
            journal = nil
            try mustOpen()
            try check()
        case .commit(let messages, let alerts, let withSnapshot):
            commit(messages, alerts, withSnapshot)
        case .receipt(let indices): receipt(indices)
        case .snapshot: saveSnapshot()
        case .evict(let quota):
            do { _ = try journal?.evictReadings(beyond: quota) } catch { failedCalls += 1 }
        }
    }

    /// Opens the journal; that may fail on a disk with a fault.
    private mutating func open() {
        do { journal = try Journal(Self.path, fileSystem: DiskFileSystem.name) } catch {
            failedCalls += 1
        }
    }

    private mutating func mustOpen() throws {
        do {
            journal = try Journal(Self.path, fileSystem: DiskFileSystem.name)
        } catch { throw Violation(description: "start: \(error)") }
    }

    // MARK: Calls

    private mutating func commit(_ messages: Int, _ alerts: Int, _ withSnapshot: Bool) {
        if journal == nil { open() }
        guard let journal else { return }
        count += 1
        var expected = Batch()
        var batch = Journal.Batch(now: Instant(nanoseconds: Int64(count)))
        for _ in 0..<messages {
            let noise = Array(String(random.next() % 1000).utf8)
            batch.messages.append(
                JournalledMessage(
                    arrival: Int64(count), topic: Array("lifts/\(random.next() % 3)/state".utf8),
                    payload: Array("{\"Car_Position\":".utf8) + noise, isRetained: false, mid: count
                ))
        }
        batch.control = "control \(count)"
        for n in 0..<alerts {
            let alert = Self.alert("\(count).\(n)")
            batch.alerts.append((alert, Array("{\"id\":\"\(alert.id)/1\"}".utf8)))
            expected.alerts.append(alert.id + "/1")
        }
        if withSnapshot { batch.snapshot = Array("after \(count)".utf8) }
        expected.messages = batch.messages
        expected.control = batch.control ?? ""
        expected.snapshot = batch.snapshot
        do {
            _ = try journal.commit(batch)
            acknowledge(expected)
        } catch {
            failedCalls += 1
            uncertain.append(expected)
        }
    }

    private mutating func acknowledge(_ batch: Batch) {
        batches.append(batch)
        uncertain.removeAll()
        uncertainSnapshots.removeAll()
        pending.formUnion(batch.alerts)
        // A later success continues from the file's content: the failed calls before it had no
        // effect.
        if let state = batch.snapshot { snapshot = (state, batches.count) }
    }

    private mutating func receipt(_ indices: [Int]) {
        guard let journal, !pending.isEmpty else { return }
        let sorted = pending.sorted()
        let chosen = Set(indices.map { sorted[$0 % sorted.count] })
        do {
            _ = try journal.receipt(Array(chosen), from: "centre")
            pending.subtract(chosen)
            uncertainReceipts.subtract(chosen)
        } catch {
            failedCalls += 1
            uncertainReceipts.formUnion(chosen)
        }
    }

    private mutating func saveSnapshot() {
        guard let journal, !batches.isEmpty else { return }
        let state = Array("state \(random.next())".utf8)
        do {
            try journal.saveSnapshot(state, through: Int64(batches.count))
            snapshot = (state, batches.count)
            uncertainSnapshots.removeAll()
        } catch {
            failedCalls += 1
            uncertainSnapshots.append((state, batches.count))
        }
    }

    // MARK: After a power cut

    private mutating func check() throws {
        guard let journal else { return }
        var found: [(sequence: Int, batch: Journal.StoredBatch)] = []
        do { try journal.forEachBatch(after: 0) { found.append((Int($0.sequence), $0)) } } catch {
            throw Violation(description: "durable: a batch cannot be read: \(error)")
        }
        for (i, item) in found.enumerated()
        where i > 0 && item.sequence != found[i - 1].sequence + 1 {
            throw Violation(
                description: "order: batch \(item.sequence) follows \(found[i - 1].sequence)")
        }
        let last = found.last?.sequence ?? 0
        if last == batches.count + 1, let stored = found.last?.batch,
            let happened = uncertain.first(where: { Self.isSame($0, stored) })
        {
            acknowledge(happened)
        }
        uncertain.removeAll()
        try checkSnapshot(journal)
        let needed = (snapshot?.through ?? 0) + 1
        if !batches.isEmpty, last != batches.count, last != 0 || needed <= batches.count {
            throw Violation(
                description:
                    "durable: \(batches.count) batches were acknowledged, the last found is \(last)"
            )
        }
        if let first = found.first?.sequence, first > needed {
            throw Violation(
                description: "needed: batches from \(needed) on, found from \(first) on")
        }
        for (sequence, stored) in found {
            guard batches.indices.contains(sequence - 1), Self.isSame(batches[sequence - 1], stored)
            else {
                throw Violation(description: "nothing invented: batch \(sequence) is \(stored)")
            }
            checkedBatches += 1
        }
        let audit = journal.audit()
        guard audit.isSound else { throw Violation(description: "sound: \(audit.problems)") }
        let rows = Set(
            try Lane.allCases.flatMap {
                try journal.pending(
                    for: Recipient.theOnly.name, in: $0, after: .beforeFirst, limit: 100_000
                )
                .map(\.eventID)
            })
        guard rows.isSubset(of: pending), pending.subtracting(rows).isSubset(of: uncertainReceipts)
        else {
            throw Violation(
                description: "durable: pending \(pending.sorted()), in the outbox \(rows.sorted())")
        }
        pending = rows
        uncertainReceipts.removeAll()
        let stored = Set(try journal.alerts(limit: 100_000).map { "\($0.id)/\($0.revision)" })
        guard stored == Set(batches.flatMap(\.alerts)) else {
            throw Violation(description: "durable: alerts \(stored.sorted())")
        }
    }

    private mutating func checkSnapshot(_ journal: Journal) throws {
        let stored: (state: [UInt8], through: Int64)?
        do { stored = try journal.snapshot() } catch {
            throw Violation(description: "durable: the snapshot: \(error)")
        }
        func isSame(_ a: (state: [UInt8], through: Int)?) -> Bool {
            a?.state == stored?.state && (a?.through ?? 0) == Int(stored?.through ?? 0)
        }
        guard let happened = ([snapshot] + uncertainSnapshots.map { $0 }).first(where: isSame)
        else {
            throw Violation(
                description:
                    "durable: the snapshot through \(snapshot?.through ?? 0), found through \(stored?.through ?? 0)"
            )
        }
        snapshot = happened
        uncertainSnapshots.removeAll()
    }

    private static func isSame(_ expected: Batch, _ stored: Journal.StoredBatch) -> Bool {
        expected.messages == stored.messages && expected.control == stored.control
    }

    private static func alert(_ id: String) -> Alert {
        Alert(
            id: id, revision: 1, lift: "1", kind: "entrapment", state: .suspected,
            severity: .critical,
            rule: "r", ruleVersion: "v", onset: Instant(nanoseconds: 1),
            time: Instant(nanoseconds: 1), reason: "held",
            hold: .seconds(10), confirmationHold: nil, evidence: [], vendorCode: nil,
            title: Title(en: "", zh: ""))
    }
}
