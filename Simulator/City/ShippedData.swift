import FoundationEssentials

/// The files that the simulator reads where no option names others: those of the working folder
/// where it is the repository's, and else those that the Debian packages put down.
package enum ShippedData {
    package static let library = found("Simulator/scenarios", else: "Simulator/scenarios")
        .dropping("/scenarios")
    package static let devices = profiles.dropping("/profiles")
    package static let profiles = found("Devices/profiles", else: "Devices/profiles")
    package static let contract = found("docs/contract", else: "contract")
    package static let brokerSettings = found(
        "systemd/mosquitto-hoistway.conf", else: "broker/hoistway.conf")

    private static func found(_ inRepository: String, else installed: String) -> String {
        FileManager.default.fileExists(atPath: inRepository)
            ? inRepository : "/usr/share/hoistway/\(installed)"
    }
}

extension String {
    fileprivate func dropping(_ end: String) -> String { String(dropLast(end.count)) }
}
