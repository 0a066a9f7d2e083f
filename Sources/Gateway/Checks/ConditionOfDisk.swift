import GatewayCore
import LiftModel

/// The check of the disk with the gateway's state.
extension Condition {
    /// A journal needs some MiB beside it while it is written.
    static let leastFreeBytes = 16 << 20
    private static let makeRoom = "Make room, or replace the disk."

    /// - Returns: that a disk is nearly full, a sentence without its full stop; nil where it has
    ///   room, or that is not known.
    static func nearlyFull(_ folder: String, freeBytes: Int?) -> String? {
        guard let freeBytes, freeBytes < leastFreeBytes else { return nil }
        return
            "the disk with \(folder) is nearly full: \(freeBytes >> 20) MiB are free, at least \(leastFreeBytes >> 20) MiB are needed"
    }

    var disk: Check {
        var found: [String] = []
        var advice: [String] = []
        if let diskFailing {
            let since = diskFailing.since.spanText
            found.append(
                fileProblem.map { "nothing is stored on disk for \(since): \($0.found)" }
                    ?? "it has stored nothing for \(since): \(diskFailing.because)")
            advice = [
                isAnyRouteConnected
                    ? "Alerts go out from memory meanwhile."
                    : "No centre is connected: alerts wait in memory meanwhile, and a restart loses them.",
                fileProblem?.remedy ?? Self.makeRoom,
            ]
        } else if let diskFailed {
            found.append(
                "it stores again, and failed \(diskFailed.ago.spanText) ago: \(diskFailed.because)"
            )
            advice = [
                "This row stays until nothing has failed for \(DiskTrouble.over.spanText).",
                Self.makeRoom,
            ]
        }
        if let full = Self.nearlyFull(stateFolder.path, freeBytes: stateFolder.freeBytes) {
            found.append(full)
            if !advice.contains(Self.makeRoom) { advice.append(Self.makeRoom) }
        }
        if found.isEmpty { return .ok(.disk, "every commit succeeds") }
        return .failed(.disk, found.joined(separator: "\n"), advice.joined(separator: " "))
    }
}
