import Encoding
import Foundation
import LiftModel
import Testing

@testable import Journal

/// A journal with random damage: what is saved from it was in it, and the search ends soon.
@Suite struct RandomDamageTests {
    private let folder: String
    private var path: String { folder + "/journal.db" }

    init() throws {
        folder = FileManager.default.temporaryDirectory.path + "/hoistway-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }

    @Test func whateverDamageAJournalHasSavingFromItEndsSoonAndNeedsLittleMemory() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("salvage of random damage: seed \(seed)")
        var random = SplitMix64(seed: seed)
        do { try Journal(path).fill(batches: 40) { String(random.next(), radix: 16) } }
        let whole = [UInt8](try #require(FileManager.default.contents(atPath: path)))
        let (damaged, saved) = (
            "/dev/shm/hoistway-fuzz-\(seed).db", "/dev/shm/hoistway-fuzz-\(seed)-saved.db"
        )
        func remove() {
            for name in [damaged, saved] { for end in ["", "-wal", "-shm"] { unlink(name + end) } }
        }
        defer { remove() }
        let memory = Self.peakMemory
        let start = ContinuousClock.now
        var (rounds, slowest, batches) = (0, Duration.zero, 0)
        while rounds < 3000, rounds < 100 || ContinuousClock.now - start < .seconds(8) {
            remove()
            try Data(Self.damage(whole, by: &random)).write(to: URL(fileURLWithPath: damaged))
            let began = ContinuousClock.now
            let found = try Journal.salvage(damaged, into: saved)
            batches += found.batches
            #expect(
                found.batches <= 40 && found.alerts <= 40, "seed \(seed), round \(rounds): \(found)"
            )
            let took = ContinuousClock.now - began
            slowest = max(slowest, took)
            #expect(took < .seconds(20), "seed \(seed), round \(rounds)")
            rounds += 1
        }
        #expect(Self.peakMemory - memory < 300 << 20, "seed \(seed), of \(rounds) rounds")
        #expect(
            batches > rounds * 5,
            "something is saved: \(batches) batches in \(rounds) rounds, seed \(seed)")
        print("\(rounds) rounds, the slowest \(slowest), \(batches) batches saved")
    }

    /// The most bytes of memory that this process has used.
    private static var peakMemory: Int {
        let text = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
        return text.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }.flatMap {
            Int($0.filter(\.isNumber))
        }.map {
            $0 << 10
        }
            ?? 0
    }

    /// Applies one to six kinds of damage: a changed byte, noise, zeros, a page copied over
    /// another, a changed page number, a truncated end.
    private static func damage(_ whole: [UInt8], by random: inout SplitMix64) -> [UInt8] {
        var bytes = whole
        for _ in 0..<Int.random(in: 1...6, using: &random) {
            let pages = bytes.count / 1024
            let page = Int.random(in: 0..<pages, using: &random) * 1024
            switch Int.random(in: 0..<6, using: &random) {
            case 0:
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(
                    in: 0...255, using: &random)
            case 1:
                for i in page..<page + 1024 { bytes[i] = UInt8.random(in: 0...255, using: &random) }
            case 2: for i in page..<page + Int.random(in: 1...1024, using: &random) { bytes[i] = 0 }
            case 3:
                let other = Int.random(in: 0..<pages, using: &random) * 1024
                bytes.replaceSubrange(page..<page + 1024, with: bytes[other..<other + 1024])
            case 4:
                // The header, the cells' offsets and the child pages are at a page's beginning.
                let offset = page + Int.random(in: 0..<64, using: &random)
                for i in 0..<3 { bytes[offset + i] = 0 }
                bytes[offset + 3] = UInt8.random(in: 0...UInt8(min(pages, 255)), using: &random)
            default: bytes.removeLast(Int.random(in: 0..<bytes.count / 2, using: &random))
            }
        }
        return bytes
    }
}
