import FoundationEssentials
import Journal
import LiftModel
import Platform

/// Reads the status file of a gateway. All commands that read it use this.
package struct StatusReader {
    /// Why there is no present status to show.
    package enum Problem: Error, CustomStringConvertible {
        case missing(file: String)
        /// It may not be read, or is a link or a folder.
        case unreadable(Folder.Problem)
        /// A gateway of another version has written it, with other members.
        case otherVersion(String, file: String)
        /// It is no status file.
        case damaged(String, file: String)
        /// Nobody has written it for some time.
        case tooOld(StatusSnapshot, file: String)

        package var description: String {
            switch self {
            case .missing(let file): "\(file): does not exist"
            case .unreadable(let problem): problem.description
            case .otherVersion(let version, let file):
                "\(file): is of version \(version) of the gateway"
            case .damaged(let reason, let file): "\(file): is no status file: \(reason)"
            case .tooOld(let last, let file): "\(file): is \(Int(last.ageSeconds)) s old"
            }
        }
    }

    package let file: String

    package init(runtimeFolder: String) { file = runtimeFolder + "/status.json" }

    package func bytes() throws(Problem) -> [UInt8] {
        let bytes: [UInt8]?
        do throws(Folder.Problem) { bytes = try Files.readGatewayFile(file) } catch {
            throw .unreadable(error)
        }
        guard let bytes else { throw .missing(file: file) }
        return bytes
    }

    package func snapshot(_ bytes: [UInt8]) throws(Problem) -> StatusSnapshot {
        struct Head: Decodable { var version: String }
        let (decoder, data) = (JSONDecoder(), Data(bytes))
        do { return try decoder.decode(StatusSnapshot.self, from: data) } catch {
            // What is missing in a file of another version is no damage.
            if let head = try? decoder.decode(Head.self, from: data), head.version != productVersion
            {
                throw .otherVersion(head.version, file: file)
            }
            throw .damaged("\(error)", file: file)
        }
    }

    /// The last status, of any age.
    package func last() throws(Problem) -> StatusSnapshot { try snapshot(try bytes()) }

    /// The last status, where it is of now.
    package func present() throws(Problem) -> StatusSnapshot {
        let last = try last()
        if last.isOld { throw .tooOld(last, file: file) }
        return last
    }
}

extension StatusSnapshot {
    /// The gateway writes every second.
    private static let oldAfterSeconds = 10.0

    package var ageSeconds: Double {
        max(0, MonotonicClock.now.seconds - monotonicSeconds)
    }
    /// Nobody has written it for longer than a gateway takes that is well.
    package var isOld: Bool { ageSeconds > Self.oldAfterSeconds }
}
