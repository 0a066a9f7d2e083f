import ArgumentParser
import Gateway
import Journal
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
            let isStuck =
                folders?.presence == .running || folders == nil && isAlive && status.isOld
            let isCurrent = isAlive && !status.isOld
            if output.format == .json {
                print(json: json, terminator: "")
            } else if isCurrent || isStuck {
                // What a gateway that has ended said of its connections is no longer so.
                print(status.text(columns: terminalColumns))
            }
            if !isCurrent {
                printError(
                    isStuck
                        ? "hoistway: all of this is \(Int(status.ageSeconds)) s old. The gateway runs and does not write \(reader.file): it is stuck, or may not write there. journalctl -u hoistway says which."
                        : "hoistway: the gateway has ended; its last status is \(Duration.seconds(status.ageSeconds).spanText) old. "
                            + Self.howToStart(folders))
                throw ExitCode.failure
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
                printError("hoistway: " + Self.missing(file, folders))
                throw ExitCode.failure
            case .otherVersion:
                printError(
                    "hoistway: an earlier version of the gateway runs. Restart it: systemctl restart hoistway"
                )
                throw ExitCode.notAllIsWell
            case .unreadable, .damaged, .tooOld: throw error
            }
        }
    }

    /// The message for a missing status file: the lock shows whether a gateway runs.
    private static func missing(_ file: String, _ folders: GatewayFolders?) -> String {
        switch folders?.presence ?? .hidden {
        case .running: runsWithoutStatus(file)
        case .absent: "nothing runs here (no \(file)). " + howToStart(folders)
        case .hidden:
            "there is no \(file), and whether a gateway runs is not for this user to see. Run this as root, or: systemctl status hoistway"
        }
    }

    static func runsWithoutStatus(_ file: String) -> String {
        "the gateway runs and does not write \(file): mostly it may not write in that folder. hoistway check names the command that mends it; journalctl -u hoistway says more."
    }

    /// What to do where no gateway runs: mend what made its last start fail, or start it.
    private static func howToStart(_ folders: GatewayFolders?) -> String {
        do throws(Folder.Problem) {
            if let folders, let last = try LastFailure(of: folders.state) {
                return "It failed at \(last.time.local):\n"
                    + last.causes.map { "  \($0)\n" }.joined()
                    + "Mend that; systemd tries again every few seconds (systemctl start hoistway starts it by hand)."
            }
            return "Start it: systemctl start hoistway (journalctl -u hoistway says why it ended)"
        } catch {
            return
                "Start it: systemctl start hoistway (as root, hoistway status says why it ended; journalctl -u hoistway, too)"
        }
    }
}
