import Gateway
import PositionedYAML

/// The folders of a gateway whose files a command reads.
struct GatewayFolders {
    var state = Configuration.standardStateFolder
    var runtime = Configuration.standardRuntimeFolder
    /// The configuration as it is now cannot be read: no start succeeds with it.
    private(set) var hasMistakes = false

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
        } catch {
            guard file == standardConfiguration else { throw error }
            hasMistakes = true
            for diagnostic in error.diagnostics { printError(diagnostic.description) }
            printError("hoistway: using the standard folders, \(state) and \(runtime)")
        }
    }
}
