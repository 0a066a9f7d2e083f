import Foundation
import Testing

@testable import Gateway
@testable import Journal

/// A site with more lifts than the unit's memory allows for learns it before the start.
@Suite struct UnitMemoryTests {
    private let folder = NSTemporaryDirectory() + "hoistway-\(UUID().uuidString)"

    private func unit(_ files: [String: String]) throws -> UnitMemory {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        for (name, text) in files {
            let path = "\(folder)/\(name)"
            try FileManager.default.createDirectory(
                atPath: (path as NSString).deletingLastPathComponent,
                withIntermediateDirectories: true)
            try text.write(toFile: path, atomically: true, encoding: .utf8)
        }
        return UnitMemory(folders: ["\(folder)/etc", "\(folder)/lib"])
    }

    @Test func theShippedUnitsLimitsAreTheOnesThatAreAssumed() throws {
        let shipped = try String(
            contentsOfFile: Site.root + "/systemd/hoistway.service", encoding: .utf8)
        #expect(try unit(["lib/hoistway.service": shipped]) == unit([:]))
        #expect(shipped.contains("LimitDATA=240M") && shipped.contains("MemoryMax=256M"))
    }

    @Test func checkSaysFromHowManyLiftsOnTheUnitNeedsMore() throws {
        let shipped = try unit([:])
        #expect(shipped.shortage(forLifts: 1_024) == nil)
        let text = try #require(shipped.shortage(forLifts: 2_000))
        #expect(text.contains("LimitDATA=240M and MemoryMax=256M, enough for 1024 lifts"))
        #expect(text.contains("LimitDATA=336M and MemoryMax=352M, each on a line"), "\(text)")
    }

    @Test func aDropInThatGivesWhatCheckAsksForEndsTheWarning() throws {
        let lib = "[Service]\nMemoryMax=256M\nLimitDATA=240M\n"
        let more = "[Service]\nLimitDATA = 336M\nMemoryMax=352M\n"
        let both = ["lib/hoistway.service": lib, "etc/hoistway.service.d/override.conf": more]
        #expect(try unit(both).shortage(forLifts: 2_000) == nil)
        #expect(try unit(both).shortage(forLifts: 2_100) != nil)
        let first = ["lib/hoistway.service": lib, "lib/hoistway.service.d/a.conf": more]
        #expect(
            try unit(
                first.merging(["etc/hoistway.service.d/b.conf": "LimitDATA=250M:1G\n"]) { $1 }
            ).data == 250 << 20, "the later name counts")
        #expect(
            try unit(["etc/hoistway.service": "LimitDATA=infinity\nMemoryMax=50%\n"]).shortage(
                forLifts: 100_000) == nil)
    }

    @Test func aSnapshotOfThousandsOfLiftsIsPackedAsASmallOneIs() throws {
        for count in [0, 1000, 1 << 20, 3 << 20 | 17] {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 7) }
            let packed = Zstandard.compress(bytes)
            #expect(try Zstandard.decompress(packed) == bytes, "\(count)")
        }
    }
}
