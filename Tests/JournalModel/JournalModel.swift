import ArgumentParser
import Encoding
import SimulatedDisk

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Runs random operations, disk faults and power cuts on the journal, and compares it with a model.
@main
struct JournalModel: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "journal-model",
        abstract:
            "Random operations, faults and power cuts on a simulated disk; exit code 1 and a shrunk case on a violation."
    )

    @Option(help: "Runs, each with a seed of its own.") var sequences = 10_000
    @Option(help: "The first seed; by default chance's own.") var seed: UInt64?

    func run() throws {
        DiskFileSystem.register()
        let first = seed ?? UInt64.random(in: 0...UInt64.max)
        var (cuts, faults, failed, batches, steps) = (0, 0, 0, 0, 0)
        for run in 0..<sequences {
            let seed = first &+ UInt64(run)
            var random = SplitMix64(seed: seed)
            let script = Step.random(&random)
            var model = Model(seed: seed)
            do { try model.run(script) } catch {
                print("seed \(seed): \(error)")
                let (short, violation) = shrink(script, seed: seed)
                print("shrunk: \(violation)")
                for step in short { print("  \(step)") }
                throw ExitCode.failure
            }
            cuts += model.powerCuts
            faults += model.faultsMet
            failed += model.failedCalls
            batches += model.checkedBatches
            steps += script.count
            if isatty(2) == 1, run % 1000 == 999 {
                let progress = Array("\r\(run + 1) of \(sequences)".utf8)
                _ = progress.withUnsafeBytes { write(2, $0.baseAddress, $0.count) }
            }
        }
        print(
            "\(sequences) runs of \(steps) steps from seed \(first): \(cuts) power cuts, \(faults) faults met, \(failed) calls failed,"
                + " \(batches) batches compared; every invariant held")
    }

    /// Removes steps as long as the rest still fails.
    private func shrink(_ script: [Step], seed: UInt64) -> ([Step], String) {
        var violation = ""
        func fails(_ script: [Step]) -> Bool {
            var model = Model(seed: seed)
            do { try model.run(script) } catch {
                violation = "\(error)"
                return true
            }
            return false
        }
        var script = script
        var isShrinking = true
        while isShrinking {
            isShrinking = false
            for i in script.indices.reversed() {
                var shorter = script
                shorter.remove(at: i)
                if fails(shorter) {
                    script = shorter
                    isShrinking = true
                }
            }
        }
        return (script, violation)
    }
}
