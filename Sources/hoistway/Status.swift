import ArgumentParser
import Gateway

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
            let status: StatusSnapshot
            do throws(StatusReader.Problem) { status = try show(reader) } catch {
                switch error {
                case .missing(let file):
                    printError("hoistway: " + Self.missing(file, folders?.presence ?? .hidden))
                    throw ExitCode.failure
                case .otherVersion:
                    printError(
                        "hoistway: an earlier version of the gateway runs. Restart it: systemctl restart hoistway"
                    )
                    throw ExitCode.notAllIsWell
                case .unreadable, .damaged, .tooOld: throw error
                }
            }
            let isAlive = isProcessAlive(status.processID)
            if status.isOld || !isAlive {
                let runs = folders?.presence == .running || folders == nil && isAlive
                printError(
                    "hoistway: all of this is \(Int(status.ageSeconds)) s old. "
                        + (runs
                            ? "The gateway runs and does not write \(reader.file): it is stuck, or may not write there. journalctl -u hoistway says which."
                            : "The gateway has ended: journalctl -u hoistway says why; systemctl start hoistway starts it.")
                )
                throw ExitCode.failure
            }
            if !status.checks(.failed).isEmpty { throw ExitCode.notAllIsWell }
        }
    }

    /// Prints the last status, of any age.
    private func show(_ reader: StatusReader) throws(StatusReader.Problem) -> StatusSnapshot {
        let bytes = try reader.bytes()
        func printJSON() { print(json: String(decoding: bytes, as: UTF8.self), terminator: "") }
        do throws(StatusReader.Problem) {
            let status = try reader.snapshot(bytes)
            if output.format == .json {
                printJSON()
            } else {
                print(status.text(columns: terminalColumns))
            }
            return status
        } catch {
            // A program may understand what this does not.
            if case .otherVersion = error, output.format == .json { printJSON() }
            throw error
        }
    }

    /// The message for a missing status file: the lock shows whether a gateway runs.
    static func missing(_ file: String, _ presence: GatewayPresence) -> String {
        switch presence {
        case .running:
            "the gateway runs and does not write \(file): mostly it may not write in that folder. hoistway check names the command that mends it; journalctl -u hoistway says more."
        case .absent: "nothing runs here (no \(file)). Start it: systemctl start hoistway"
        case .hidden:
            "there is no \(file), and whether a gateway runs is not for this user to see. Run this as root, or: systemctl status hoistway"
        }
    }
}
