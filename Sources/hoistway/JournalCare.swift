import ArgumentParser
import Connectivity
import Encoding
import FoundationEssentials
import Gateway
import Journal
import LiftModel

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

extension JournalCommand {
    struct Statistics: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "stats", abstract: "How much the journal holds of each class.")
        @OptionGroup var journalFile: JournalFile
        @OptionGroup var output: FormatOptions

        func run() throws {
            try reporting {
                let journal = try journalFile.open()
                let found = try journal.statistics()
                let calendar = try journal.calendarLine()
                if output.format == .json {
                    print(json: String(decoding: Self.json(found, calendar), as: UTF8.self))
                } else {
                    printText(found, calendar)
                }
            }
        }

        private static func json(_ found: JournalStatistics, _ calendar: CalendarLine) -> [UInt8] {
            var json = JSONWriter()
            json.object {
                $0.put("batches", found.batches)
                $0.put("readings_bytes", found.readingsBytes)
                if let oldest = found.oldest {
                    $0.put("oldest_s", seconds: calendar.calendar(Instant(nanoseconds: oldest)))
                }
                if let newest = found.newest {
                    $0.put("newest_s", seconds: calendar.calendar(Instant(nanoseconds: newest)))
                }
                $0.put("alerts", found.alerts)
                $0.put("alert_bytes", found.alertBytes)
                $0.put("owed", found.pending)
                $0.put("owed_bytes", found.pendingBytes)
                $0.put("snapshot_bytes", found.snapshotBytes)
                $0.put("file_bytes", found.fileBytes)
                $0.object("counters") { object in
                    for (name, value) in found.counters.sorted(by: { $0.key < $1.key }) {
                        if name == Daemon.rulesCounter {
                            object.put(name, rulesVersion(value))
                        } else {
                            object.put(name, value)
                        }
                    }
                }
            }
            return json.bytes
        }

        private func printText(_ found: JournalStatistics, _ calendar: CalendarLine) {
            let span = found.oldest.flatMap { from in
                found.newest.map { Duration.nanoseconds($0 - from) }
            }
            func line(_ name: String, _ value: String) { print(column(name, 28) + value) }
            line(
                "readings",
                "\(found.readingsBytes) bytes in \(counted(found.batches, "batch", "batches")), over \(span?.spanText ?? "no time")"
            )
            line("alerts", "\(found.alertBytes) bytes, \(counted(found.alerts, "revision"))")
            line(
                "outbox",
                "\(found.pendingBytes) bytes, \(counted(found.pending, "event")) that the centre has not stored yet"
            )
            line("snapshot", "\(found.snapshotBytes) bytes")
            line("file", "\(found.fileBytes) bytes")
            for (name, value) in found.counters.sorted(by: { $0.key < $1.key })
            where !Self.internalCounters.contains(name) {
                line(
                    name,
                    name == Daemon.rulesCounter
                        ? Self.rulesVersion(value)
                        : name.hasSuffix("_at")
                            ? calendar.calendar(Instant(nanoseconds: Int64(value))).local
                            : "\(value)")
            }
        }

        /// Counters that the gateway stores for its own next start and that no person needs: the
        /// last signing key, the offset of the calendar, and the last batch of a version without
        /// identities.
        private static let internalCounters = ["signing_key", "calendar_offset", "unnamed_through"]

        /// In the form of `check`, `status` and each alert.
        private static func rulesVersion(_ counter: Int) -> String {
            let digits = String(UInt64(bitPattern: Int64(counter)), radix: 16)
            return String(repeating: "0", count: max(0, 16 - digits.count)) + digits
        }
    }

    struct Verify: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Check every record's hash and number, and the chain of alerts.")
        @OptionGroup var journalFile: JournalFile
        @OptionGroup var output: FormatOptions

        func run() throws {
            var isSound = false
            try reporting {
                let audit = try journalFile.open().audit()
                isSound = audit.isSound
                if output.format == .json {
                    var json = JSONWriter()
                    json.object {
                        $0.put("sound", audit.isSound)
                        $0.put("batches", audit.batches)
                        $0.put("messages", audit.messages)
                        $0.put("alerts", audit.alerts)
                        $0.put("owed", audit.pending)
                        $0.put("unchecked", audit.unchecked)
                        $0.put("problem_count", audit.problemCount)
                        $0.array("problems") { array in
                            for problem in audit.problems { array.item(problem) }
                        }
                    }
                    return print(json: String(decoding: json.bytes, as: UTF8.self))
                }
                for problem in audit.problems { print(problem) }
                print(
                    "\(counted(audit.batches, "batch", "batches")) of \(counted(audit.messages, "message")), \(counted(audit.alerts, "alert")) in the chain, \(audit.pending) pending events"
                        + (audit.unchecked > 0
                            ? "; \(audit.unchecked) records of an older version carry no hash" : "")
                        + (audit.isSound
                            ? ": all is as it was written"
                            : ": \(counted(audit.problemCount, "problem"))")
                )
            }
            if !isSound { throw ExitCode.failure }
        }
    }

    struct Export: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write the lifts' messages as a trace for `hoistway replay`, or as a table.",
            discussion: """
                  hoistway journal export --lift 31104401062020010001 --from 2026-03-01T08:00:00+08:00 > trace.ndjson

                --from and --to are times of the calendar, and so are those of a csv. A trace keeps the times of the gateway's own line, which
                differ from the calendar's after a boot with a clock that was years ahead. Exit code 1 where the journal has no message of the
                lift.
                """)
        @OptionGroup var journalFile: JournalFile
        @Option(help: "From this time: RFC 3339 with its offset, or seconds since 1970.") var from:
            String?
        @Option(help: "Up to this time.") var to: String?
        @Option(help: "Only this lift's messages.") var lift: String?
        @Option(help: "trace or csv.") var format = JournalExport.Form.trace

        func run() throws {
            try reporting {
                var export = JournalExport(form: format)
                export.from = try from.map { try Instant(argument: $0) }
                export.to = try to.map { try Instant(argument: $0) }
                export.lift = lift
                var output = OutputBuffer()
                let count = try export.run(try journalFile.open()) { output.append($0) }
                output.flush()
                printError(counted(count.written, "message"))
                guard count.written == 0 else { return }
                let subject = lift.map { "of lift '\($0)'" } ?? "of any lift"
                guard let first = count.first, let last = count.last else {
                    printError(
                        "hoistway: there is no message \(subject) in this journal. Check the id: hoistway status lists the lifts"
                    )
                    throw ExitCode.failure
                }
                printError(
                    "hoistway: nothing in that time; the journal has \(counted(count.ofLift, "message")) \(subject), from \(first.local) to \(last.local)"
                )
            }
        }
    }

    struct SalvageFile: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "salvage",
            abstract: "Save what can be read of a damaged journal into a new one.",
            discussion:
                "The gateway does this by itself when it finds a damaged journal; the damaged file stays beside the new one."
        )
        @Argument(help: "The damaged file.") var damaged: String
        @Option(help: "The new journal; it must not exist yet.") var into: String

        func run() throws {
            try reporting {
                guard !FileManager.default.fileExists(atPath: into) else {
                    throw ValidationError(
                        "--into: '\(into)' exists already; expected the path of a new file")
                }
                guard FileManager.default.fileExists(atPath: damaged) else {
                    throw ValidationError("'\(damaged)' does not exist")
                }
                // Created first: then it is no link to another file, and belongs to the folder's
                // owner.
                let (folder, name) = Folder.split(into)
                close(try Folder(folder).create(name, mode: 0o640))
                let saved = try Journal.salvage(damaged, into: into)
                print(
                    "\(saved.batches) batches, \(saved.alerts) alerts, \(saved.pending) pending events"
                        + (saved.hasSnapshot
                            ? ", the state of the last run" : ", no state of the last run")
                        + "; \(saved.gaps) gaps could not be read, \(saved.refused) records did not match their hash"
                )
                if saved.batches + saved.alerts + saved.pending == 0 { throw ExitCode.failure }
            }
        }
    }
}

extension JournalExport.Form: ExpressibleByArgument {}
