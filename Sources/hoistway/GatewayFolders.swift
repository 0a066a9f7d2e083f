import Gateway
import PositionedYAML

/// The folders of a gateway whose files a command reads.
struct GatewayFolders {
    var state = Configuration.standardStateFolder
    var runtime = Configuration.standardRuntimeFolder
    /// nil where it cannot be read.
    private var configuration: Configuration?
    /// Why it cannot be read; they are printed already.
    private(set) var printedMistakes: [Diagnostic] = []

    var presence: GatewayPresence { GatewayPresence(stateFolder: state, runtimeFolder: runtime) }

    /// The folders that the configuration names.
    ///
    /// A running gateway continues when its file gets a mistake, and just then a person looks at
    /// its status. So where the standard file cannot be read the standard folders are used, and the
    /// mistakes are shown.
    ///
    /// - Throws: `InvalidFiles` where an explicitly given file is wrong.
    init(of file: String) throws(InvalidFiles) {
        do throws(InvalidFiles) {
            let configuration = try Configuration(file: file)
            (state, runtime) = (configuration.stateFolder, configuration.runtimeFolder)
            self.configuration = configuration
        } catch {
            guard file == standardConfiguration else { throw error }
            printedMistakes = error.diagnostics
            for diagnostic in error.diagnostics { printError(diagnostic.description) }
            printError("hoistway: using the standard folders, \(state) and \(runtime)")
        }
    }

    /// The mistakes of the files as they are now, with which no start succeeds.
    var mistakes: [Diagnostic] {
        guard let configuration else { return printedMistakes }
        do throws(InvalidFiles) {
            _ = try configuration.deviceData()
            return []
        } catch { return error.diagnostics }
    }
}
