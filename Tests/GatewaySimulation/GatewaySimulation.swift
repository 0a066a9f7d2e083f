import ArgumentParser
import Encoding
import GatewayCore
import LiftModel
import SimulatedDisk

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Runs the gateway's core, scheduling and journal in virtual time under random scripts.
@main
struct GatewaySimulation: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gateway-simulation",
        abstract:
            "The gateway's core, scheduling and journal in virtual time: a broker, a disk, clocks, centres and a process that fail; exit code 1 and a shrunk script on a violation."
    )

    @Option(help: "Runs, each with a seed of its own.") var seeds = 2000
    @Option(help: "The first seed; by default chance's own.") var seed: UInt64?
    @Option(help: "Stops after so many minutes.") var minutes: Double?
    @Option(help: "Writes what happened under the first seed to this file.") var log: String?

    @Flag(help: "Puts each known fault into the program; needs a build with -D SIMULATION.")
    var faults = false
    @Option(help: "Only faults whose names contain this.") var only = ""

    func run() throws {
        DiskFileSystem.register()
        let data = try SiteData.shipped()
        let first = seed ?? UInt64.random(in: 0...UInt64.max)
        if let log { return try writeLog(to: log, first, data) }
        if faults { return try findFaults(data) }
        var (done, inputs, deaths, fewest) = (0, 0, 0, Int.max)
        let deadline = minutes.map { ContinuousClock.now + .seconds($0 * 60) }
        while minutes != nil || done < seeds, deadline.map({ ContinuousClock.now < $0 }) ?? true {
            let seed = first &+ UInt64(done)
            let script = Self.script(seed)
            let isRepeated = done % 50 == 0
            let world = World(seed: seed, data: data, keepsLog: isRepeated)
            do { try world.run(script) } catch {
                print("seed \(seed): \(error)")
                let (short, violation) = shrink(script, seed, data, "\(error)")
                print("shrunk to \(short.count) of \(script.count) steps: \(violation)")
                for step in short { print("  \(step)") }
                let last = World(seed: seed, data: data, keepsLog: true)
                try? last.run(short)  // which fails, and is wanted for what it did before
                print("what happened, in nanoseconds, before everything was well again:")
                let lines = (last.log ?? []).prefix { !$0.hasSuffix(World.wellAgain) }
                for line in lines.suffix(25) { print("  \(line)") }
                // Once more, for a reader who sees only the end.
                print("seed \(seed): \(error)")
                print("do it again: gateway-simulation --seed \(seed) --seeds 1")
                throw ExitCode.failure
            }
            if isRepeated { try repeatRun(of: world, script, seed, data) }
            done += 1
            inputs += world.inputs
            deaths += world.deaths
            fewest = min(fewest, world.inputs)
            if isatty(2) == 1, done % 10 == 0 {
                let progress = Array("\r\(done) of \(seeds)".utf8)
                _ = progress.withUnsafeBytes { write(2, $0.baseAddress, $0.count) }
            }
        }
        print(
            "\(done) runs from seed \(first): \(inputs) inputs, \(fewest) or more each, \(deaths) deaths; every invariant held"
        )
    }

    /// - Throws: `ExitCode.failure` where a second run of the script does something else.
    private func repeatRun(
        of world: World, _ script: [Step], _ seed: UInt64, _ data: SiteData
    ) throws {
        let again = World(seed: seed, data: data, keepsLog: true)
        // The first run of this script has held.
        do { try again.run(script) } catch { print("seed \(seed), again: \(error)") }
        if again.hash == world.hash { return }
        let logs = (first: world.log ?? [], second: again.log ?? [])
        let same = zip(logs.first, logs.second).prefix { $0 == $1 }.count
        print("first:  \(logs.first.dropFirst(same).first ?? "its end")")
        print("second: \(logs.second.dropFirst(same).first ?? "its end")")
        print("seed \(seed): two runs differ after \(same) lines")
        throw ExitCode.failure
    }

    static func script(_ seed: UInt64) -> [Step] {
        var random = SplitMix64(seed: seed)
        let steps = Step.script(&random)
        return seed % 11 == 8 ? Step.listsChange(steps, &random) : steps
    }

    private func writeLog(to path: String, _ seed: UInt64, _ data: SiteData) throws {
        let world = World(seed: seed, data: data, keepsLog: true)
        var end = "every invariant held"
        do { try world.run(Self.script(seed)) } catch { end = "\(error)" }
        let text = Array(((world.log ?? []) + [end, ""]).joined(separator: "\n").utf8)
        guard let file = fopen(path, "w") else {
            throw ValidationError("\(path): cannot be written")
        }
        fwrite(text, 1, text.count, file)
        fclose(file)
        print("seed \(seed): \(end)")
    }

    /// Removes steps, many at a time at first, as long as the rest still violates the same
    /// invariant.
    private func shrink(
        _ script: [Step], _ seed: UInt64, _ data: SiteData, _ first: String
    ) -> ([Step], String) {
        var violation = ""
        let invariant = first.prefix { $0 != ":" }
        func fails(_ script: [Step]) -> Bool {
            do { try World(seed: seed, data: data, keepsLog: false).run(script) } catch {
                guard "\(error)".hasPrefix(invariant) else { return false }
                violation = "\(error)"
                return true
            }
            return false
        }
        var script = script
        var length = script.count / 2
        while length > 0 {
            var start = 0
            while start < script.count {
                var shorter = script
                shorter.removeSubrange(start..<min(start + length, script.count))
                if fails(shorter) { script = shorter } else { start += length }
            }
            length /= 2
        }
        if !fails(script) { violation = "the shrunk script holds; run the seed itself" }
        return (script, violation)
    }
}
