import Elevator
import Encoding

/// The detector's whole state as bytes: what a restart goes on from.
extension Detector {
    private static let snapshotFormat: UInt32 = 1

    public func snapshot() -> [UInt8] {
        var writer = ByteWriter()
        writer.write(Self.snapshotFormat)
        writer.write(rules.version)
        writer.write(isListening)
        writer.write(deafSince)
        writer.write(variable: UInt64(tracks.count))
        for track in tracks { track.write(to: &writer) }
        return writer.bytes
    }

    /// Takes over a snapshot's state for the lifts that are followed now.
    ///
    /// With other rules than the snapshot's, what lifts said, their clocks and the alerts told are kept, and the rules' own
    /// memory begins anew.
    /// - Returns: whether the rules' memory was kept.
    /// - Throws: `MalformedBytes`; nothing is changed then.
    public mutating func restore(_ bytes: [UInt8]) throws(MalformedBytes) -> Bool {
        var reader = ByteReader(bytes)
        guard try reader.read(UInt32.self) == Self.snapshotFormat else { throw MalformedBytes(offset: 0) }
        let sameRules = try reader.readText() == rules.version
        let wasListening = try reader.readFlag()
        let deafSince: Int64 = try reader.read()
        var restored = self
        var keptAll = sameRules
        for _ in 0..<(try reader.readVariable()) {
            let lift = try reader.readText()
            let index = restored.index(of: lift)
            // A lift that is no longer registered is read over.
            var track = index.map { restored.tracks[$0] } ?? restored.tracks.first
            let kept = try track?.read(from: &reader, keepingRules: sameRules) ?? false
            if !kept, let program = track?.program { track?.adoptOpenAlerts(restored.programs[program]) }
            if let index, let track { restored.tracks[index] = track }
            keptAll = keptAll && kept
        }
        restored.isListening = wasListening
        restored.deafSince = deafSince
        restored.forgetDeadlines()
        self = restored
        return keptAll
    }
}

extension LiftTrack {
    /// Under other rules the memory of operators begins anew, but what the centre was told is still open: a restart ends nothing.
    fileprivate mutating func adoptOpenAlerts(_ program: Program) {
        for (index, rule) in program.rules.enumerated() {
            guard let open = ledger.openIndex(rule.definition.name) else { continue }
            let life = program.life(index)
            life.setPhase(
                ledger.entries[open].state == .suspected && rule.escalation != nil ? .suspected : .final, &memory)
            life.setOnset(ledger.entries[open].onset, &memory)
            life.setRaisedAt(ledger.entries[open].raisedAt, &memory)
            for node in rule.scoped { program.reset(node, of: &memory, at: memory.time, .unknown) }
        }
        barrier()
    }

    fileprivate func write(to writer: inout ByteWriter) {
        writer.write(lift.id)
        memory.write(to: &writer)
        for checkpoint in [older, newer] {
            checkpoint.memory.write(to: &writer)
            writer.write(checkpoint.latestReading)
            writer.write(checkpoint.latestSequence)
        }
        writer.write(latestReading)
        writer.write(latestSequence)
        writer.write(horizon)
        writer.write(variable: UInt64(inputs.count))
        for input in inputs { input.write(to: &writer) }
        writer.write(variable: UInt64(countBeforeNewer))
        clock.write(to: &writer)
        for key in recentKeys { writer.write(key) }
        writer.write(variable: UInt64(nextKey))
        writer.write(blob: vendorCode)
        ledger.write(to: &writer)
        for count in [
            counters.readings, counters.duplicates, counters.rolledBack, counters.tooLate, counters.absurdTimes,
            counters.clockOffsets,
        ] { writer.write(Int64(count)) }
    }

    /// - Returns: whether the rules' memory fitted and was kept.
    fileprivate mutating func read(from reader: inout ByteReader, keepingRules: Bool) throws(MalformedBytes) -> Bool {
        var fits = try memory.read(from: &reader, keepingRules: keepingRules)
        fits = try older.memory.read(from: &reader, keepingRules: keepingRules) && fits
        older.latestReading = try reader.read()
        older.latestSequence = try reader.read()
        fits = try newer.memory.read(from: &reader, keepingRules: keepingRules) && fits
        newer.latestReading = try reader.read()
        newer.latestSequence = try reader.read()
        latestReading = try reader.read()
        latestSequence = try reader.read()
        horizon = try reader.read()
        inputs.removeAll(keepingCapacity: true)
        for _ in 0..<(try reader.readVariable()) { inputs.append(try Input(from: &reader)) }
        countBeforeNewer = Int(truncatingIfNeeded: try reader.readVariable())
        guard inputs.indices.contains(countBeforeNewer) || countBeforeNewer == inputs.count else {
            throw MalformedBytes(offset: reader.offset)
        }
        clock = try DeviceClock(from: &reader)
        for i in recentKeys.indices { recentKeys[i] = try reader.read() }
        nextKey = Int(try reader.readVariable() % UInt64(Self.rememberedKeys))
        vendorCode = Array(try reader.readBlob())
        ledger = try AlertLedger(from: &reader)
        counters.readings = Int(try reader.read(Int64.self))
        counters.duplicates = Int(try reader.read(Int64.self))
        counters.rolledBack = Int(try reader.read(Int64.self))
        counters.tooLate = Int(try reader.read(Int64.self))
        counters.absurdTimes = Int(try reader.read(Int64.self))
        counters.clockOffsets = Int(try reader.read(Int64.self))
        return fits
    }
}

extension LiftMemory {
    fileprivate func write(to writer: inout ByteWriter) {
        writer.write(known)
        writer.write(time)
        writer.write(lastHeard)
        writer.write(isHeard)
        writer.write(isStale)
        writer.write(deadline)
        writer.write(variable: UInt64(signals.count))
        for word in signals { writer.write(word) }
        writer.write(blob: verdicts)
        for number in numbers { writer.write(number.bitPattern) }
        writer.write(variable: UInt64(slots.count))
        for word in slots { writer.write(word) }
    }

    fileprivate mutating func read(from reader: inout ByteReader, keepingRules: Bool) throws(MalformedBytes) -> Bool {
        known = try reader.read()
        time = try reader.read()
        lastHeard = try reader.read()
        isHeard = try reader.readFlag()
        isStale = try reader.readFlag()
        deadline = try reader.read()
        guard try reader.readVariable() == UInt64(signals.count) else { throw MalformedBytes(offset: reader.offset) }
        for i in signals.indices { signals[i] = try reader.read() }
        let verdicts = Array(try reader.readBlob())
        var numbers: [Double] = []
        for _ in verdicts { numbers.append(Double(bitPattern: try reader.read())) }
        var slots: [Int64] = []
        for _ in 0..<(try reader.readVariable()) { slots.append(try reader.read()) }
        guard keepingRules, verdicts.count == self.verdicts.count, slots.count == self.slots.count else {
            // The rules look at once at what is known.
            deadline = time
            return false
        }
        (self.verdicts, self.numbers, self.slots) = (verdicts, numbers, slots)
        return true
    }
}

extension LiftTrack.Input {
    fileprivate func write(to writer: inout ByteWriter) {
        writer.write(time)
        writer.write(saidAt)
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
        saidAt = try reader.read()
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
        for index in 0..<Reading.capacity where mentioned & (1 << UInt64(index)) != 0 { reading.setUnknown(index) }
        for index in 0..<Reading.capacity where known & (1 << UInt64(index)) != 0 {
            reading.set(index, bits: try reader.read())
        }
    }
}

extension AlertLedger {
    fileprivate func write(to writer: inout ByteWriter) {
        writer.write(variable: UInt64(entries.count))
        for entry in entries {
            writer.write(entry.rule)
            writer.write(entry.id)
            writer.write(variable: UInt64(entry.revision))
            writer.write(entry.state.rawValue)
            writer.write(entry.onset)
            writer.write(entry.raisedAt)
            writer.write(entry.changedAt)
        }
        writer.write(variable: UInt64(onsets.count))
        for onset in onsets {
            writer.write(onset.kind)
            writer.write(onset.onset)
        }
    }

    fileprivate init(from reader: inout ByteReader) throws(MalformedBytes) {
        for _ in 0..<(try reader.readVariable()) {
            let rule = try reader.readText()
            let id = try reader.readText()
            let revision = Int(truncatingIfNeeded: try reader.readVariable())
            guard let state = AlertState(rawValue: try reader.readText()) else {
                throw MalformedBytes(offset: reader.offset)
            }
            entries.append(
                Entry(
                    rule: rule, id: id, revision: revision, state: state, onset: try reader.read(),
                    raisedAt: try reader.read(), changedAt: try reader.read()))
        }
        for _ in 0..<(try reader.readVariable()) {
            onsets.append(Onset(kind: try reader.readText(), onset: try reader.read()))
        }
    }
}
