import ArgumentParser
import Encoding
import Gateway
import LiftModel

struct Status: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show the state of broker, centre and lifts, and what could not be read.",
        discussion: """
            Failed checks come first, each with what to do. Exit code 0 only when all is well, 6 when something is wrong, 1 when the gateway
            does not run or is stuck. \(Status.incidentsAreNoFault)
            """)

    /// The README has the same sentence.
    static let incidentsAreNoFault =
        "An open incident at a lift, accepted or not, does not change this exit code: it is about the gateway, and an incident is the centre's job. Only a silent lift does: it is not watched."

    @Option(help: "The configuration file; its runtime_folder is read.")
    var config = standardConfiguration

    @Option(help: "The runtime folder, instead of a configuration.")
    var runtime: String?

    @OptionGroup var output: FormatOptions

    func run() throws {
        try reporting {
            let folders = runtime == nil ? try GatewayFolders(of: config) : nil
            let reader = StatusReader(runtimeFolder: runtime ?? folders?.runtime ?? "")
            let (status, json) = try read(reader, folders)
            let isAlive = isProcessAlive(status.processID)
            guard isAlive, !status.isOld else {
                let isStuck =
                    folders?.presence == .running || folders == nil && isAlive && status.isOld
                // What it said of its connections is no longer so.
                throw notRunning(
                    isStuck
                        ? .stuck(seconds: Int(status.ageSeconds), file: reader.file)
                        : .ended(since: .seconds(status.ageSeconds)),
                    folders, last: json)
            }
            if output.format == .json {
                print(json: json, terminator: "")
            } else {
                print(status.text(columns: terminalColumns))
            }
            if !status.checks(.failed).isEmpty { throw ExitCode.notAllIsWell }
        }
    }

    /// The last status, of any age, and its text. Where there is none to show this says why.
    private func read(_ reader: StatusReader, _ folders: GatewayFolders?) throws -> (
        StatusSnapshot, json: String
    ) {
        do throws(StatusReader.Problem) {
            let bytes = try reader.bytes()
            let json = String(decoding: bytes, as: UTF8.self)
            do throws(StatusReader.Problem) { return (try reader.snapshot(bytes), json) } catch {
                // A program may understand what this does not.
                if case .otherVersion = error, output.format == .json {
                    print(json: json, terminator: "")
                }
                throw error
            }
        } catch {
            switch error {
            case .missing(let file):
                let presence = folders?.presence
                throw notRunning(
                    presence == .running
                        ? .silent(file: file)
                        : presence == .absent ? .absent(file: file) : .hidden(file: file),
                    folders, last: nil)
            case .otherVersion:
                printError(
                    "hoistway: an earlier version of the gateway runs. Restart it: systemctl restart hoistway"
                )
                throw ExitCode.notAllIsWell
            case .unreadable, .damaged, .tooOld: throw error
            }
        }
    }

    /// Why there is no present status.
    private enum Absence {
        case ended(since: Duration)
        case stuck(seconds: Int, file: String)
        /// The lock shows that a gateway runs; there is no status.
        case silent(file: String)
        case absent(file: String)
        /// Whether a gateway runs is not known.
        case hidden(file: String)

        var name: String {
            switch self {
            case .ended: "ended"
            case .stuck: "stuck"
            case .silent: "silent"
            case .absent: "absent"
            case .hidden: "unknown"
            }
        }
    }

    /// Says why there is no present status; as JSON with the last one, whose members must not be
    /// taken for present ones.
    private func notRunning(_ absence: Absence, _ folders: GatewayFolders?, last: String?)
        -> ExitCode
    {
        let obstacle = folders.flatMap { StartObstacle($0) }
        printError("hoistway: " + text(absence, obstacle))
        guard output.format == .json else { return .failure }
        var json = JSONWriter()
        json.object {
            $0.put("state", absence.name)
            if let obstacle {
                $0.put("failed_at", obstacle.failedAt?.rfc3339)
                $0.array("causes") { for cause in obstacle.causes { $0.item(cause) } }
            }
            if let last { $0.put("last", raw: Array(last.utf8)[...]) }
        }
        print(json: String(decoding: json.bytes, as: UTF8.self))
        return .failure
    }

    private func text(_ absence: Absence, _ obstacle: StartObstacle?) -> String {
        let howToStart =
            obstacle?.text
            ?? "Start it: systemctl start hoistway (as root, this says why it ended; journalctl -u hoistway, too)"
        return switch absence {
        case .ended(let age):
            "the gateway has ended; its last status is \(age.spanText) old. \(howToStart)"
        case .stuck(let seconds, let file):
            "the gateway runs and has not written \(file) for \(seconds) s: it is stuck, or may not write there. journalctl -u hoistway says which."
        case .silent(let file): Self.runsWithoutStatus(file)
        case .absent(let file): "nothing runs here (no \(file)). \(howToStart)"
        case .hidden(let file):
            runtime == nil
                ? "there is no \(file), and whether a gateway runs is not for this user to see. Run this as root, or: systemctl status hoistway"
                : "there is no \(file): no gateway writes its status there. It does so in its runtime_folder."
        }
    }

    static func runsWithoutStatus(_ file: String) -> String {
        "the gateway runs and does not write \(file): mostly it may not write in that folder. hoistway check names the command that mends it; journalctl -u hoistway says more."
    }
}
