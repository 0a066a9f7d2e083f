import LiftModel
import Testing

@testable import Gateway
@testable import GatewayCore
@testable import Journal

/// A full disk takes a commit now and then, and is not well for that.
@Suite struct ConditionOfDiskTests {
    private static let full = JournalError(
        path: "journal.db", doing: "COMMIT", code: 13, message: "database or disk is full")

    private func disk(_ change: (inout Condition) -> Void) -> Check {
        var condition = ConditionTests.well()
        change(&condition)
        return condition.disk
    }

    @Test func aCommitThatFailedWithinAMinuteIsShownAlsoWhenTheNextOneSucceeded() throws {
        let gateway = try FilledGateway()
        defer { gateway.remove() }
        gateway.loop.core.storage = .healthy
        func row() -> StatusSnapshot.CheckRow? {
            gateway.snapshot.checks(.failed).first { $0.subject == "disk" }
        }
        func tell(_ outcome: StorageOutcome, secondsAgo: Int64) {
            let moment = Moment(
                time: FilledGateway.now,
                monotonic: FilledGateway.monotonic - .seconds(secondsAgo))
            gateway.loop.core.handle(.storage(outcome), at: moment, into: &gateway.loop.effects)
        }
        #expect(row() == nil)
        tell(.commitFailed(Self.full), secondsAgo: 59)
        tell(.committed(sequence: 9), secondsAgo: 58)
        #expect(
            row()?.found.contains("it stores again, and failed 59 s ago: journal journal.db")
                == true,
            "\(String(describing: row()))")
        gateway.loop.core.diskTrouble?.lastFailure += .seconds(-2)
        #expect(row() == nil, "a minute without a failure")
    }

    @Test func theLogHasAFailureAndItsEndOnceAMinute() {
        var trouble = DiskTrouble("full", at: .boot)
        let first = trouble.noteSuccess()
        let withinAMinute = (
            trouble.noteFailure("full", at: .init(seconds: 5)), trouble.noteSuccess()
        )
        let later = (trouble.noteFailure("full", at: .init(seconds: 61)), trouble.noteSuccess())
        #expect(first && withinAMinute == (false, false) && later == (true, true))
        #expect(!trouble.isOver(at: .init(seconds: 120)) && trouble.isOver(at: .init(seconds: 121)))
    }

    @Test func aNearlyFullDiskIsNamedWithItsFreeSpace() {
        let row = disk { $0.stateFolder = ("/var/lib/hoistway", 3 << 20) }
        #expect(row.verdict == .failed)
        #expect(
            row.found
                == "the disk with /var/lib/hoistway is nearly full: 3 MiB are free, at least 16 MiB are needed"
        )
        #expect(disk { $0.stateFolder = ("/var/lib/hoistway", 16 << 20) }.verdict == .ok)
        #expect(disk { $0.stateFolder = ("/var/lib/hoistway", nil) }.verdict == .ok)
    }

    @Test func aMatterOfRightsIsNotAdvisedToMakeRoom() {
        let row = disk {
            $0.diskFailing = (.seconds(45), "unable to open database file")
            $0.fileProblem = OwnFiles.Problem(found: "f", remedy: "As root: chown …")
        }
        #expect(row.advice == "Alerts go out from memory meanwhile. As root: chown …")
    }

    @Test func alertsGoOutOnlyWhereACentreIsConnected() {
        let row = disk {
            $0.diskFailing = (.seconds(45), "database or disk is full")
            $0.delivery.routes[0].isConnected = false
        }
        #expect(
            row.advice
                == "No centre is connected: alerts wait in memory meanwhile, and a restart loses them. Make room, or replace the disk."
        )
    }

    @Test func aFailureAndNoSpaceAreTwoFindings() {
        let row = disk {
            $0.diskFailed = (.seconds(4), "database or disk is full")
            $0.stateFolder = ("/var/lib/hoistway", 0)
        }
        #expect(row.found.split(separator: "\n").count == 2)
        #expect(row.advice?.hasSuffix("Make room, or replace the disk.") == true)
    }
}
