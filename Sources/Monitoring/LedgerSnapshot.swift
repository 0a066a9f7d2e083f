import Encoding
import LiftModel

/// The alerts of one lift in a snapshot.
extension AlertLedger {
    func write(to writer: inout ByteWriter, format: UInt32) {
        writer.write(variable: UInt64(entries.count))
        for entry in entries {
            writer.write(entry.rule)
            writer.write(entry.reason)
            writer.write(entry.kind)
            writer.write(entry.title.en)
            writer.write(entry.title.zh)
            writer.write(entry.severity.rawValue)
            writer.write(entry.id)
            writer.write(variable: UInt64(entry.revision))
            writer.write(entry.state.rawValue)
            writer.write(entry.onset)
            writer.write(entry.raisedAt)
            writer.write(entry.changedAt)
            writer.write(UInt8(entry.reminders))
            writer.write(entry.remindedAt)
            writer.write(entry.acceptedBy ?? "")
            writer.write(entry.branch)
            writer.write(entry.isVerified)
            writer.write(entry.hasRescuers)
        }
        writer.write(variable: UInt64(onsets.count))
        for onset in onsets {
            writer.write(onset.kind)
            writer.write(onset.onset)
        }
        if format < 8 { return }
        writer.write(variable: UInt64(notFound.all.count))
        for alert in notFound.all {
            writer.write(alert.id)
            writer.write(variable: UInt64(alert.revision))
            writer.write(alert.time)
        }
    }

    init(from reader: inout ByteReader, format: UInt32) throws(MalformedBytes) {
        for _ in 0..<(try reader.readVariable()) {
            let rule = try reader.readText()
            let reason = format < 6 ? "" : try reader.readText()
            let kind = try reader.readText()
            let title = Title(en: try reader.readText(), zh: try reader.readText())
            guard let severity = Severity(rawValue: try reader.readText()) else {
                throw MalformedBytes(offset: reader.offset)
            }
            let id = try reader.readText()
            let revision = Int(truncatingIfNeeded: try reader.readVariable())
            guard let state = AlertState(rawValue: try reader.readText()) else {
                throw MalformedBytes(offset: reader.offset)
            }
            entries.append(
                Entry(
                    rule: rule, reason: reason, kind: kind, title: title, id: id,
                    revision: revision, state: state,
                    severity: severity, onset: try reader.read(), raisedAt: try reader.read(),
                    changedAt: try reader.read(),
                    reminders: format < 3 ? 0 : Int(try reader.read(UInt8.self)),
                    remindedAt: format < 3 ? .min : try reader.read()))
            if format >= 6 {
                let by = try reader.readText()
                entries[entries.count - 1].acceptedBy = by.isEmpty ? nil : by
                entries[entries.count - 1].branch = try reader.readText()
                entries[entries.count - 1].isVerified = try reader.readFlag()
            }
            if format >= 7 { entries[entries.count - 1].hasRescuers = try reader.readFlag() }
        }
        for _ in 0..<(try reader.readVariable()) {
            onsets.append(Onset(kind: try reader.readText(), onset: try reader.read()))
        }
        for _ in 0..<(format < 8 ? 0 : try reader.readVariable()) {
            let id = try reader.readText()
            guard let revision = Int32(exactly: try reader.readVariable()), revision > 0 else {
                throw MalformedBytes(offset: reader.offset)
            }
            notFound.remember(
                DeliveredAlerts.Delivered(
                    id: id, revision: Int(revision), time: try reader.read()))
        }
    }
}
