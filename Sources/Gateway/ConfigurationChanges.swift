import Contract
import Encoding
import FoundationEssentials

/// The changes that a reload does not apply: it reads rules, parameters, and the files of secrets
/// and certificates. All else needs a restart.
extension Configuration {
    /// The changed keys, as a person knows them; empty where a reload applies every change.
    func changesForARestart(since old: Configuration) -> [String] {
        let parts: [(name: String, isSame: Bool)] = [
            ("site", site == old.site),
            ("broker", broker.fixedParts == old.broker.fixedParts),
            ("centre", centres.map(\.fixedParts) == old.centres.map(\.fixedParts)),
            ("lifts", lifts.map(\.lift) == old.lifts.map(\.lift) && lifts.map(\.profile) == old.lifts.map(\.profile)),
            ("profiles", profilesHash == old.profilesHash),
            ("topic_prefix", topicPrefix == old.topicPrefix),
            ("state_folder", stateFolder == old.stateFolder),
            ("runtime_folder", runtimeFolder == old.runtimeFolder),
            ("commit_wait", commitWait == old.commitWait),
            ("selftest_every", selfTestEvery == old.selfTestEvery),
            ("sign_alerts", signsAlerts == old.signsAlerts),
            ("quotas", quota == old.quota),
        ]
        return parts.filter { !$0.isSame }.map(\.name)
    }

    /// A hash of the content of the profiles' files.
    static func profilesHash(_ paths: [String]?) -> UInt64 {
        var hash = ByteHash(seed: 6)
        for path in paths ?? [DeviceData.shippedFolder() + "/profiles"] {
            // A file that cannot be read is a mistake, which is reported as one.
            for file in (try? Files.yamlFiles(in: path)) ?? [] { hash.add(fileOrNothing: file) }
        }
        return hash.value
    }
}

extension Configuration.Centre {
    fileprivate var fixedParts: [String?] {
        let fallback = fallbackAfter.sorted { $0.key.rawValue < $1.key.rawValue }.map { "\($0.key) \($0.value)" }
        return [name, "\(lanes.map(\.rawValue).sorted())", "\(fallback)", "\(backlogRate)", commandKey.map { "\($0)" }]
            + routes.flatMap(\.fixedParts)
    }
}

extension Endpoint {
    /// Everything except the content of its secrets and certificates.
    fileprivate var fixedParts: [String?] {
        [
            "\(address)", clientID, username, passwordFile, caFile, certificateFile, keyFile, tokenFile,
            oauth?.tokenURL, oauth?.clientID, oauth?.secretFile, oauth?.scope, batch.map { "\($0)" }, formFile,
            "\(formHash)",
        ]
    }
}

extension ByteHash {
    /// A file that cannot be read counts as an empty one.
    mutating func add(fileOrNothing path: String) {
        let bytes = (try? Files.bytes(path)) ?? []
        add(bytes.span, 0, bytes.count)
    }
}
