import Encoding
import LiftModel
import RuleEngine
import RuleLanguage

/// The detector's whole state as bytes, from which a restart continues.
extension Detector {
    /// Format 8 adds delivered alerts that a replay did not find; without any the format is 7,
    /// which version 0.3 reads, too. Format 7 adds the last change of a lift's alerts, all
    /// judgements of a lift, and the alerts at which rescuers have arrived. Format 6 adds branches
    /// of rules, acceptance, verification and first branch of alerts, last known values, and the
    /// order of a lift's messages. Format 4 adds catch-up; format 3 adds reminders and the use of
    /// lifts. Formats 2 to 7 can be read.
    private static let newestFormat: UInt32 = 8

    public func snapshot() -> [UInt8] {
        let format = remembersDelivered ? Self.newestFormat : 7
        var writer = ByteWriter()
        writer.write(format)
        writer.write(rules.version)
        writer.write(UInt8(isBehind ? 2 : isObserving ? 1 : 0))
        writer.write(deafSince)
        writer.write(variable: UInt64(programs.count))
        for program in programs { program.shape.write(to: &writer) }
        writer.write(variable: UInt64(incidents.count))
        for (rule, incident) in incidents.sorted(by: { $0.key < $1.key }) {
            writer.write(rule)
            incident.alert.write(to: &writer)
        }
        writer.write(variable: UInt64(lifts.count))
        writer.reserve(lifts.reduce(0) { $0 + $1.mostSnapshotBytes })
        for liftState in lifts { liftState.write(to: &writer, format: format) }
        return writer.bytes
    }

    /// Restores a snapshot's state for the lifts that are followed now.
    ///
    /// Under other rules than the snapshot's, what did not change keeps its memory, as in `adopt`.
    /// - Returns: whether the rules are the same.
    /// - Throws: `MalformedBytes`; nothing is changed then.
    // Over 60 lines: the members in the order in which they are written.
    public mutating func restore(_ bytes: [UInt8]) throws(MalformedBytes) -> Bool {
        var reader = ByteReader(bytes)
        let format = try reader.read(UInt32.self)
        guard 2...Self.newestFormat ~= format else { throw MalformedBytes(offset: 0) }
        let sameRules = try reader.readText() == rules.version
        let observation = try reader.read(UInt8.self)
        let wasObserving = observation != 0
        let deafSince: Int64 = try reader.read()
        var shapes: [ProgramShape] = []
        for _ in 0..<(try reader.readVariable()) {
            shapes.append(try ProgramShape(from: &reader, hasBranches: format >= 6))
        }
        var restored = self
        for _ in 0..<(try reader.readVariable()) {
            let rule = try reader.readText()
            var alert = SiteAlert(origin, kind: "", severity: .info, title: Title(en: "", zh: ""))
            try alert.read(from: &reader)
            if restored.incidents[rule] != nil {
                restored.incidents[rule]?.alert.takeOver(alert)
            } else if let cleared = alert.clear(
                at: Instant(nanoseconds: deafSince), because: AlertReason.ruleRemoved.rawValue)
            {
                restored.alerts.append(cleared)
            }
        }
        var known: [LiftIndex] = []
        var migrations: [[ProgramIndex: Migration]] = Array(repeating: [:], count: shapes.count)
        for _ in 0..<(try reader.readVariable()) {
            let lift = try reader.readText()
            let index = restored.index(of: lift)
            // The state of a lift that is no longer registered is read and dropped.
            guard var liftState = index.map({ restored.lifts[$0] }) ?? restored.lifts.first else {
                throw MalformedBytes(offset: reader.offset)
            }
            let shape = Int(truncatingIfNeeded: try reader.readVariable())
            guard shapes.indices.contains(shape) else {
                throw MalformedBytes(offset: reader.offset)
            }
            try liftState.read(from: &reader, size: shapes[shape].memoryWords, format: format)
            guard let index else { continue }
            if migrations[shape][liftState.programIndex] == nil {
                migrations[shape][liftState.programIndex] = Migration(
                    from: shapes[shape], to: restored.programs[liftState.programIndex])
            }
            if let migration = migrations[shape][liftState.programIndex] {
                liftState.carry(migration, isObserving: wasObserving)
            }
            liftState.ledger.rename(to: restored.programs[liftState.programIndex].rules)
            liftState.renameJudgements(to: restored.programs[liftState.programIndex].rules)
            restored.lifts[index] = liftState
            if format < 7 {
                let program = restored.lifts[index].programIndex
                restored.lifts[index].spreadJudgement(restored.programs[program])
                restored.lifts[index].assumeRescuers()
            }
            restored.clearOrphans(index, at: Instant(nanoseconds: liftState.memory.time))
            known.append(index)
        }
        // Not the start of this process: the readings that are replayed next are older than that.
        // Each message and each batch brings its own time.
        restored.horizon = restored.lifts.map { max($0.horizon, $0.memory.time) }.max() ?? horizon
        restored.alignIncidents(at: restored.horizon)
        for index in known { restored.readRegister(index) }
        restored.maintenanceEnds = restored.lifts.reduce(LiftMemory.never) {
            min($0, $1.maintenance?.until ?? LiftMemory.never)
        }
        restored.scheduleReminders()
        restored.isObserving = wasObserving
        restored.isBehind = observation == 2
        restored.deafSince = deafSince
        restored.alignSignals(at: nil)
        restored.forgetDeadlines()
        self = restored
        return sameRules
    }
}

extension Detector {
    /// No rule finds an alert that ended longer ago.
    public static var longestHold: Duration { DeliveredAlerts.longestHold }

    /// Some lift has alerts that `rememberDelivered` has kept.
    public var remembersDelivered: Bool { lifts.contains { !$0.ledger.notFound.isEmpty } }

    /// The last revision of an alert that a lift's ledger has; nil where it has none.
    public func lastRevision(of alert: String, of lift: String) -> Int? {
        guard let index = index(of: lift) else { return nil }
        return lifts[index].ledger.entries.first { $0.id == alert }?.revision
    }

    /// Continues an alert from its last delivered revision, whatever the replay has decided. Its
    /// next revision has the next number. If the two states differ, a new revision says so.
    /// - Parameter reason: why they may differ.
    /// - Returns: whether the lift's ledger has the alert.
    public mutating func resume(
        _ alert: String, of lift: String, deliveredAs revision: Int, isOpen: Bool,
        because reason: AlertReason, at now: Instant
    ) -> Bool {
        guard let index = index(of: lift),
            let entry = lifts[index].ledger.entries.firstIndex(where: { $0.id == alert })
        else { return false }
        let known = lifts[index].ledger.entries[entry]
        lifts[index].ledger.entries[entry].revision = max(known.revision, revision)
        if known.state.isOpen != isOpen { note(index, entry, reason, nil, now) }
        return true
    }

    /// Continues an alert that the replay has not found from its last delivered revision, should a
    /// rule find it after all: its id is made from its onset and would be given again.
    public mutating func rememberDelivered(
        _ alert: String, of lift: String, revision: Int, at time: Instant
    ) {
        guard let index = index(of: lift) else { return }
        lifts[index].ledger.notFound.remember(
            DeliveredAlerts.Delivered(id: alert, revision: revision, time: time.nanoseconds))
    }

    /// The register's attributes come from the configuration, not from the snapshot.
    fileprivate mutating func readRegister(_ index: LiftIndex) {
        let reading = lifts[index].registerReading
        guard reading.mentioned != 0 else { return }
        let time = lifts[index].memory.time
        let program = lifts[index].programIndex
        programs[program].apply(reading, at: time, &lifts[index].memory, &agendas[program])
        step(index, at: time)
    }
}

extension LiftState {
    /// What a lift takes in a snapshot, unless its alerts have long texts. Of thousands of lifts
    /// it is most of the memory that a start needs.
    fileprivate var mostSnapshotBytes: Int {
        let words = memory.words.count + older.memory.words.count + newer.memory.words.count
        return words * 8 + inputs.count * 160 + 1024
    }

    fileprivate func write(to writer: inout ByteWriter, format: UInt32) {
        writer.write(lift.id)
        writer.write(variable: UInt64(programIndex.value))
        for memory in [memory, older.memory, newer.memory] { writer.write(words: memory.words) }
        for checkpoint in [older, newer] {
            writer.write(checkpoint.latestReading)
            writer.write(checkpoint.latestSequence)
        }
        writer.write(latestReading)
        writer.write(latestSequence)
        writer.write(horizon)
        writer.write(lastChange)
        writer.write(variable: UInt64(inputs.count))
        for input in inputs { input.write(to: &writer) }
        writer.write(variable: UInt64(countBeforeNewer))
        clock.write(to: &writer)
        order.write(to: &writer)
        writer.write(clockAlert != nil)
        clockAlert?.write(to: &writer)
        for key in recentKeys { writer.write(key) }
        writer.write(variable: UInt64(nextKey))
        writer.write(blob: vendorCode)
        ledger.write(to: &writer, format: format)
        for count in counters.all { writer.write(Int64(count)) }
        for count in use.all { writer.write(Int64(count)) }
        catchUp.write(to: &writer)
        writer.write(variable: UInt64(pendingSignals.count))
        for pending in pendingSignals {
            writer.write(pending.time)
            writer.write(pending.signal.name)
            writer.write(pending.value)
        }
        lastKnown.write(to: &writer)
        writer.write(variable: UInt64(judgements.count))
        for judgement in judgements { judgement.write(to: &writer) }
        writer.write(maintenance != nil)
        if let maintenance {
            writer.write(maintenance.until)
            writer.write(maintenance.by)
            writer.write(maintenance.reason)
            maintenance.alert.write(to: &writer)
        }
    }

    /// - Parameter size: the number of 64-bit words of a memory in the snapshot.
    // Over 60 lines: the members in the order in which they are written.
    fileprivate mutating func read(
        from reader: inout ByteReader, size: Int, format: UInt32
    ) throws(MalformedBytes) {
        var memories: [LiftMemory] = []
        for _ in 0..<3 {
            var words: [Int64] = []
            words.reserveCapacity(min(size, reader.remaining / 8))
            for _ in 0..<size { words.append(try reader.read()) }
            memories.append(LiftMemory(words: words))
        }
        (memory, older.memory, newer.memory) = (memories[0], memories[1], memories[2])
        older.latestReading = try reader.read()
        older.latestSequence = try reader.read()
        newer.latestReading = try reader.read()
        newer.latestSequence = try reader.read()
        latestReading = try reader.read()
        latestSequence = try reader.read()
        horizon = try reader.read()
        lastChange = format < 7 ? memory.time : try reader.read()
        inputs.removeAll(keepingCapacity: true)
        for _ in 0..<(try reader.readVariable()) { inputs.append(try Input(from: &reader)) }
        countBeforeNewer = Int(truncatingIfNeeded: try reader.readVariable())
        guard inputs.indices.contains(countBeforeNewer) || countBeforeNewer == inputs.count else {
            throw MalformedBytes(offset: reader.offset)
        }
        clock = try DeviceClock(from: &reader, format: format)
        order = format < 6 ? MessageOrder() : try MessageOrder(from: &reader, format: format)
        clockAlert = nil
        if format >= 6, try reader.readFlag() {
            var alert = Self.clockAlert(lift: lift.id, ledger.origin)
            try alert.read(from: &reader)
            clockAlert = alert
        }
        for i in recentKeys.indices { recentKeys[i] = try reader.read() }
        nextKey = Int(try reader.readVariable() % UInt64(Self.rememberedKeys))
        vendorCode = Array(try reader.readBlob())
        let origin = ledger.origin
        ledger = try AlertLedger(from: &reader, format: format)
        ledger.origin = origin
        var counts: [Int] = []
        for _ in 0..<(format < 6 ? 6 : counters.all.count) {
            counts.append(Int(try reader.read(Int64.self)))
        }
        if format < 6 { counts.append(0) }
        counters = LiftCounters(counts)
        use = LiftUse()
        if format >= 3 {
            var counts: [Int] = []
            for _ in use.all { counts.append(Int(try reader.read(Int64.self))) }
            use = LiftUse(counts)
        }
        catchUp = format < 4 ? CatchUp() : try CatchUp(from: &reader, format: format)
        pendingSignals = []
        for _ in 0..<(format < 4 ? 0 : try reader.readVariable()) {
            let time: Int64 = try reader.read()
            let signal = format < 6 ? Signal.maintenance : Signal(name: try reader.readText())
            guard let signal else { throw MalformedBytes(offset: reader.offset) }
            pendingSignals.append(
                PendingSignal(time: time, signal: signal, value: try reader.readFlag()))
        }
        for _ in 0..<(format < 6 ? try reader.readVariable() : 0) {
            let accepted = try reader.readText()
            for entry in ledger.entries.indices where ledger.entries[entry].id == accepted {
                // Formats before 6 do not store who accepted it.
                ledger.entries[entry].acceptedBy = "a person"
            }
        }
        lastKnown = format < 6 ? LastKnown() : try LastKnown(from: &reader)
        judgements = []
        // Format 6 has a flag, and at most one judgement.
        let judged =
            format < 6
            ? 0 : format == 6 ? (try reader.readFlag() ? 1 : 0) : try reader.readVariable()
        for _ in 0..<judged { judgements.append(try Judgement(from: &reader)) }
        maintenance = nil
        guard try reader.readFlag() else { return }
        let until: Int64 = try reader.read()
        let by = try reader.readText()
        let reason = try reader.readText()
        var alert = Maintenance.alert(lift: lift.id, ledger.origin)
        try alert.read(from: &reader)
        maintenance = Maintenance(until: until, by: by, reason: reason, alert: alert)
    }
}

extension LiftState.Input {
    fileprivate func write(to writer: inout ByteWriter) {
        writer.write(time)
        writer.write(sentAt)
        writer.write(reading.deviceTime?.nanoseconds ?? Int64.min)
        writer.write(reading.sequence)
        writer.write(reading.mentioned)
        writer.write(reading.known)
        writer.write(reading.codesRaised)
        writer.write(reading.codesEnded)
        writer.write(reading.isBaseline)
        writer.write(reading.isSignOfLife)
        for index in 0..<Reading.capacity where reading.known & (1 << UInt64(index)) != 0 {
            writer.write(reading.bits(index))
        }
    }

    fileprivate init(from reader: inout ByteReader) throws(MalformedBytes) {
        time = try reader.read()
        sentAt = try reader.read()
        reading = Reading()
        let device: Int64 = try reader.read()
        reading.deviceTime = device == Int64.min ? nil : Instant(nanoseconds: device)
        reading.sequence = try reader.read()
        let mentioned: UInt64 = try reader.read()
        let known: UInt64 = try reader.read()
        guard mentioned >> UInt64(Reading.capacity) == 0, known & ~mentioned == 0 else {
            throw MalformedBytes(offset: reader.offset)
        }
        reading.codesRaised = try reader.read()
        reading.codesEnded = try reader.read()
        reading.isBaseline = try reader.readFlag()
        reading.isSignOfLife = try reader.readFlag()
        for index in 0..<Reading.capacity where mentioned & (1 << UInt64(index)) != 0 {
            reading.setUnknown(index)
        }
        for index in 0..<Reading.capacity where known & (1 << UInt64(index)) != 0 {
            reading.set(index, bits: try reader.read())
        }
    }
}
