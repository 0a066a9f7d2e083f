import Foundation
import LiftModel
import Platform
import Testing

@testable import Gateway

/// Each reason for which there is no status to show.
@Suite struct StatusReaderTests {
    private func problem(_ content: String?) throws -> StatusReader.Problem? {
        let folder = NSTemporaryDirectory() + "hoistway-status-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try content?.write(toFile: folder + "/status.json", atomically: true, encoding: .utf8)
        do throws(StatusReader.Problem) {
            _ = try StatusReader(runtimeFolder: folder).present()
        } catch { return error }
        return nil
    }

    private func status(age: Double) throws -> String {
        let gateway = try FilledGateway()
        defer { gateway.remove() }
        var snapshot = gateway.snapshot
        snapshot.monotonicSeconds = MonotonicClock.now.seconds - age
        return String(decoding: snapshot.json, as: UTF8.self)
    }

    @Test func thePresentStatusIsRead() throws {
        let found = try problem(try status(age: 1))
        #expect(found == nil, "\(found.map { "\($0)" } ?? "")")
    }

    @Test func aFileThatNobodyHasWrittenForSomeTimeIsTooOld() throws {
        guard case .tooOld(let last, _) = try problem(try status(age: 11)) else {
            Issue.record("it was taken for the present one")
            return
        }
        #expect(last.site == "plaza")
    }

    @Test func thereIsNoFile() throws {
        guard case .missing = try problem(nil) else {
            Issue.record("a file was found")
            return
        }
    }

    @Test(arguments: ["", "{", "[]", "{}", #"{"version": "\#(productVersion)", "pid": 1}"#])
    func aFileThatIsNoStatusIsDamaged(_ content: String) throws {
        guard case .damaged = try problem(content) else {
            Issue.record("it is taken for a status: \(content)")
            return
        }
    }

    @Test func aFileOfAnotherVersionSaysWhich() throws {
        guard case .otherVersion(let version, _) = try problem(#"{"version": "0.2.0", "pid": 1}"#)
        else {
            Issue.record("it is not taken for one of another version")
            return
        }
        #expect(version == "0.2.0")
    }

    @Test func aLinkIsNotFollowed() throws {
        let folder = NSTemporaryDirectory() + "hoistway-status-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try FileManager.default.createSymbolicLink(
            atPath: folder + "/status.json", withDestinationPath: "/etc/hostname")
        do throws(StatusReader.Problem) {
            _ = try StatusReader(runtimeFolder: folder).last()
            Issue.record("a link was followed")
        } catch {
            guard case .unreadable = error else {
                Issue.record("\(error)")
                return
            }
        }
    }
}
