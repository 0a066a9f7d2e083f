import Gateway
import LiftModel

/// What keeps the gateway from starting: mistakes in its files as they are now, or the cause of its
/// last failure.
struct StartObstacle {
    private(set) var causes: [String]
    /// When the last start or run failed; nil for a mistake with which none was tried.
    private(set) var failedAt: Instant?
    /// The causes are printed already.
    private var isPrinted = false

    /// - Returns: nil where none is known. A present mistake comes before a former one.
    init?(_ folders: GatewayFolders) {
        // A user who may not read the folder is advised to ask as root.
        let last = try? LastFailure(of: folders.state)
        let mistakes = folders.mistakes.map(\.description)
        if let last, mistakes.isEmpty || last.causes == mistakes {
            (causes, failedAt) = (last.causes, last.time)
        } else if mistakes.isEmpty {
            return nil
        } else {
            causes = mistakes
            isPrinted = !folders.printedMistakes.isEmpty
        }
    }

    /// The causes, and what to do.
    var text: String {
        let retry =
            "systemd tries again every few seconds (systemctl start hoistway starts it by hand)."
        if isPrinted { return "No start succeeds with the mistakes above. Mend them; \(retry)" }
        let head =
            failedAt.map { "It failed at \($0.local)" } ?? "No start succeeds with these mistakes"
        return "\(head):\n" + causes.map { "  \($0)\n" }.joined() + "Mend that; \(retry)"
    }
}
