import ArgumentParser
import Elevator
import Encoding
import FoundationEssentials
import Gateway
import Journal

extension JournalCommand {
    struct Statistics: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "stats", abstract: "How much of what the journal holds.")
        @OptionGroup var place: Place
        @OptionGroup var output: FormatOptions

        func run() throws {
            try reporting {
                let found = try place.open().statistics()
                let span = found.oldest.flatMap { from in found.newest.map { Duration.nanoseconds($0 - from) } }
                if output.format == .json {
                    var json = JSONWriter()
                    json.object {
                        $0.put("batches", found.batches)
                        $0.put("readings_bytes", found.readingsBytes)
                        if let oldest = found.oldest { $0.put("oldest_s", seconds: Instant(nanoseconds: oldest)) }
                        if let newest = found.newest { $0.put("newest_s", seconds: Instant(nanoseconds: newest)) }
                        $0.put("alerts", found.alerts)
                        $0.put("alert_bytes", found.alertBytes)
                        $0.put("owed", found.owed)
                        $0.put("owed_bytes", found.owedBytes)
                        $0.put("snapshot_bytes", found.snapshotBytes)
                        $0.put("file_bytes", found.fileBytes)
                        $0.object("counters") { object in
                            for (name, value) in found.counters.sorted(by: { $0.key < $1.key }) {
                                object.put(name, value)
                            }
                        }
                    }
                    return print(String(decoding: json.bytes, as: UTF8.self))
                }
                func line(_ name: String, _ value: String) { print(column(name, 14) + value) }
                line(
                    "readings",
                    "\(found.readingsBytes) bytes in \(found.batches) batches, over \(span?.written ?? "no time")")
                line("alerts", "\(found.alertBytes) bytes, \(found.alerts) revisions")
                line(
                    "owed", "\(found.owedBytes) bytes, \(found.owed) events that the centre has not yet said it stored")
                line("snapshot", "\(found.snapshotBytes) bytes")
                line("file", "\(found.fileBytes) bytes")
                for (name, value) in found.counters.sorted(by: { $0.key < $1.key }) { line(name, "\(value)") }
            }
        }
    }

    struct Verify: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Hold every record to its hash, its number, and the chain of alerts.")
        @OptionGroup var place: Place
        @OptionGroup var output: FormatOptions

        func run() throws {
            var isSound = false
            try reporting {
                let audit = try place.open().audit()
                isSound = audit.isSound
                if output.format == .json {
                    var json = JSONWriter()
                    json.object {
                        $0.put("sound", audit.isSound)
                        $0.put("batches", audit.batches)
                        $0.put("messages", audit.messages)
                        $0.put("alerts", audit.alerts)
                        $0.put("owed", audit.owed)
                        $0.put("unchecked", audit.unchecked)
                        $0.put("problem_count", audit.problemCount)
                        $0.array("problems") { array in for problem in audit.problems { array.item(problem) } }
                    }
                    return print(String(decoding: json.bytes, as: UTF8.self))
                }
                for problem in audit.problems { print(problem) }
                print(
                    "\(audit.batches) batches of \(audit.messages) messages, \(audit.alerts) alerts in the chain, \(audit.owed) owed"
                        + (audit.unchecked > 0 ? "; \(audit.unchecked) records of an older version carry no hash" : "")
                        + (audit.isSound ? ": all is as it was written" : ": \(audit.problemCount) problems"))
            }
            if !isSound { throw ExitCode.failure }
        }
    }

    struct Export: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write what the lifts said as a trace for `hoistway replay`, or as a table.",
            discussion:
                "  hoistway journal export --lift 31104401062020010001 --from 2026-03-01T08:00:00+08:00 > trace.ndjson")
        @OptionGroup var place: Place
        @Option(help: "From this time: RFC 3339 with its offset, or seconds since 1970.") var from: String?
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
                let count = try export.run(try place.open()) { output.append($0) }
                output.flush()
                printError("\(count) messages")
            }
        }
    }

    struct SalvageFile: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "salvage", abstract: "Save what can be read of a damaged journal into a new one.",
            discussion:
                "The gateway does this by itself when it meets a damaged journal; the damaged file stays beside it.")
        @Argument(help: "The damaged file.") var damaged: String
        @Option(help: "The new journal; it must not exist yet.") var into: String

        func run() throws {
            try reporting {
                guard !FileManager.default.fileExists(atPath: into) else {
                    throw ValidationError("--into: '\(into)' exists already; expected the path of a new file")
                }
                guard FileManager.default.fileExists(atPath: damaged) else {
                    throw ValidationError("'\(damaged)' does not exist")
                }
                let saved = try Journal.salvage(damaged, into: into)
                print(
                    "\(saved.batches) batches, \(saved.alerts) alerts, \(saved.owed) events owed"
                        + (saved.hasSnapshot ? ", the state of the last run" : ", no state of the last run")
                        + "; \(saved.gaps) places could not be read, \(saved.refused) records were not what had been written"
                )
                if saved.batches + saved.alerts + saved.owed == 0 { throw ExitCode.failure }
            }
        }
    }
}

extension JournalExport.Form: ExpressibleByArgument {}
