import Connectivity
import FoundationEssentials
import Journal
import LiftModel
import PositionedYAML

/// Checks before the start, as the user of the service, whether it can use the files and folders of
/// its configuration.
public struct SetupCheck {
    private let configuration: Configuration
    private let user: ServiceUser?
    private let unit = UnitMemory(folders: UnitMemory.folders)

    /// - Parameter user: nil for the user who runs this.
    public init(_ configuration: Configuration, as user: ServiceUser?) {
        self.configuration = configuration
        self.user = user
    }

    /// A hint at what `check` cannot see.
    public static let notChecked =
        "Not checked: whether the building's broker, the centre and each lift can be reached. hoistway status and hoistway selftest show that for the running gateway."

    private static let soon = Duration.seconds(30 * 86_400)

    /// Mistakes that keep the service from working.
    public var mistakes: [Diagnostic] {
        unreadable + unusableFolders + endpoints.compactMap(unusableFiles) + wrongExamples
    }

    private func unusableFiles(of endpoint: Endpoint) -> Diagnostic? {
        guard endpoint.usesTLS else { return nil }
        do throws(ServerProblem) { try endpoint.tlsFiles.check() } catch {
            return endpoint.node.diagnostic(error.description)
        }
        return nil
    }

    /// Mistakes in the examples of the centres' forms.
    private var wrongExamples: [Diagnostic] {
        Set(endpoints.compactMap(\.formFile)).sorted().flatMap { path in
            do throws(InvalidFiles) { return try CentreFormExample.mistakes(path) } catch {
                return error.diagnostics
            }
        }
    }

    /// Conditions that will or may keep it from working.
    /// - Parameter now: the time by this box's clock.
    public func warnings(at now: Instant) -> [String] {
        let folder = configuration.stateFolder
        let full = Condition.nearlyFull(folder, freeBytes: Files.freeBytes(folder))
        let memory = unit.shortage(forLifts: configuration.lifts.count)
        return (full.map { ["\($0). Make room"] } ?? []) + [memory].compactMap { $0 }
            + certificateWarnings(at: now)
    }

    private func certificateWarnings(at now: Instant) -> [String] {
        endpoints.compactMap { endpoint in
            guard let file = endpoint.certificateFile,
                // A file that cannot be read is reported as a mistake.
                let own = try? endpoint.tlsFiles.ownCertificate()
            else {
                return nil
            }
            let location = "\(endpoint.node.file):\(endpoint.node.line)"
            if now < own.validFrom {
                return "\(location): \(ServerProblem.ownNotYetValid(file: file, own, now: now))"
            }
            if now > own.validUntil {
                return "\(location): \(ServerProblem.ownExpired(file: file, own, now: now))"
            }
            guard own.validUntil - now < Self.soon else { return nil }
            return
                "\(location): our certificate \(file) expires in \((own.validUntil - now).spanText), on \(own.validUntil.rfc3339). Renew it."
        }
    }

    private var endpoints: [Endpoint] {
        [configuration.broker] + configuration.centres.flatMap(\.routes)
    }

    private var unreadable: [Diagnostic] {
        guard let user else { return [] }
        var found: [Diagnostic] = []
        var seen: Set<String> = []
        func look(at path: String, _ what: String, _ node: YAMLNode?) {
            guard seen.insert(path).inserted, FileManager.default.fileExists(atPath: path),
                user.canRead(path) != true
            else { return }
            let message =
                "\(what)'\(path)' cannot be read by user '\(user.name)', as whom the gateway runs: chgrp \(user.name) FILE and chmod 640 FILE, and let the group enter every folder above it"
            found.append(node?.diagnostic(message) ?? Diagnostic(file: path, message: message))
        }
        look(at: configuration.file, "", nil)
        for endpoint in endpoints {
            for (key, path) in endpoint.files { look(at: path, "\(key): ", endpoint.node) }
        }
        for centre in configuration.centres {
            if let path = centre.commandKeyFile {
                look(at: path, "command_key: ", centre.routes.first?.node)
            }
        }
        for path in (configuration.rulePaths ?? []) + (configuration.profilePaths ?? []) {
            // What cannot be listed by this user either is reported with the rules and the
            // profiles.
            for file in (try? Files.yamlFiles(in: path)) ?? [path] { look(at: file, "", nil) }
        }
        return found
    }

    /// Mistakes in the folders of the journal and of the status file.
    private var unusableFolders: [Diagnostic] {
        let state = OwnFiles(in: configuration.stateFolder, as: user)
        let owner = user.map { "\($0.name):\($0.groupName)" } ?? OwnFiles.currentOwner
        let name = user?.name ?? OwnFiles.currentUser
        var found: [Diagnostic] = []
        for (folder, node) in [
            (configuration.stateFolder, configuration.stateFolderNode),
            (configuration.runtimeFolder, configuration.runtimeFolderNode),
        ] {
            func report(_ message: String) {
                found.append(
                    node?.diagnostic("\(folder): \(message)")
                        ?? Diagnostic(file: folder, message: message))
            }
            var isFolder = false
            if FileManager.default.fileExists(atPath: folder, isDirectory: &isFolder) {
                if !isFolder {
                    report("is a file; expected a folder. Remove the file, or name another folder")
                } else if !mayWrite(into: folder) {
                    report(
                        "user '\(name)', as whom the gateway runs, cannot make files there. As root: chown \(owner) \(folder)"
                    )
                }
            } else if node != nil, !mayWrite(into: Self.nearest(above: folder)) {
                // systemd creates the standard folders.
                report(
                    "is not there, and user '\(name)', as whom the gateway runs, cannot make it. As root: mkdir -p \(folder) && chown \(owner) \(folder)"
                )
            }
        }
        // Rights are known only of a named user; a link in the journal's place is one for all.
        let problem = user != nil ? state.problem : state.problemOfKind
        if found.isEmpty, let problem {
            found.append(
                Diagnostic(
                    file: configuration.stateFolder, message: "\(problem.found). \(problem.remedy)")
            )
        }
        return found
    }

    /// The user who checks is not the service's user: without that name the rights are not known.
    private func mayWrite(into folder: String) -> Bool {
        user.map { $0.canWrite(into: folder) != false } ?? true
    }

    /// The nearest existing folder above a path.
    private static func nearest(above path: String) -> String {
        var folder = Folder.split(path).folder
        while folder != "/", folder != ".", !FileManager.default.fileExists(atPath: folder) {
            folder = Folder.split(folder).folder
        }
        return folder
    }
}

extension Endpoint {
    var tlsFiles: TLSFiles {
        TLSFiles(authority: caFile, certificate: certificateFile, key: keyFile)
    }

    /// Every file of the endpoint, by its key.
    fileprivate var files: [(key: String, path: String)] {
        [
            ("ca_file", caFile), ("certificate_file", certificateFile), ("key_file", keyFile),
            ("password_file", passwordFile), ("token_file", tokenFile),
            ("client_secret_file", oauth?.secretFile),
        ].compactMap { key, path in path.map { (key, $0) } }
    }
}
