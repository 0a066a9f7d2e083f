import Contract
import Encoding
import FoundationEssentials
import GatewayCore
import PositionedYAML

/// The changes that a reload does not apply: it reads rules, parameters, and the files of secrets
/// and certificates. All else needs a restart.
extension Configuration {
    /// The changed keys, as a person knows them; empty where a reload applies every change.
    func changesForARestart(since old: Configuration) -> [String] {
        let parts: [(name: String, isSame: Bool)] = [
            ("site", site == old.site),
            ("broker", broker.fixedParts == old.broker.fixedParts),
            ("centre", centres.map(\.fixedParts) == old.centres.map(\.fixedParts)),
            (
                "lifts",
                lifts.map(\.lift) == old.lifts.map(\.lift)
                    && lifts.map(\.profile) == old.lifts.map(\.profile)
            ),
            // Files that cannot be read now are a mistake, which is reported as one, and no change.
            ("profiles", profilesHash == nil || profilesHash == old.profilesHash),
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

    /// A hash of the content of the profiles' files; nil where one cannot be read.
    static func profilesHash(_ paths: [String]?) -> UInt64? {
        var hash = ByteHash(seed: 6)
        do throws(InvalidFiles) {
            for path in paths ?? [DeviceData.shippedFolder() + "/profiles"] {
                for file in try Files.yamlFiles(in: path) { try hash.add(file: file) }
            }
        } catch { return nil }
        return hash.value
    }
}

extension Configuration.Centre {
    fileprivate var fixedParts: [String?] {
        let fallback = fallbackAfter.sorted { $0.key.rawValue < $1.key.rawValue }.map {
            "\($0.key) \($0.value)"
        }
        return [
            name, "\(lanes.map(\.rawValue).sorted())", "\(fallback)", "\(backlogRate)",
            commandKey.map { "\($0)" },
        ]
            + routes.flatMap(\.fixedParts)
    }
}

extension Endpoint {
    /// Everything except the content of its secrets and certificates.
    fileprivate var fixedParts: [String?] {
        [
            "\(address)", clientID, username, passwordFile, caFile, certificateFile, keyFile,
            tokenFile,
            oauth?.tokenURL, oauth?.clientID, oauth?.secretFile, oauth?.scope,
            batch.map { "\($0)" }, formFile,
            formHash.map { "\($0)" },
        ]
    }
}

extension ByteHash {
    /// - Throws: `InvalidFiles` for a file that cannot be read.
    mutating func add(file path: String) throws(InvalidFiles) {
        let bytes = try Files.bytes(path)
        add(bytes.span, 0, bytes.count)
    }
}
