import ArgumentParser
import Encoding
import FoundationEssentials
import GatewayCore
import LiftModel

/// Whether the simulation finds the faults that are put into the program.
extension GatewaySimulation {
    /// A seed that finds each fault, so that a check takes seconds: `--faults --seed 1` makes it
    /// anew.
    private static let table = "Tests/GatewaySimulation/faults.tsv"
    /// Where a fault is not found by its seed any more, so many further ones are tried.
    private static let further = 100

    /// Prints, for each fault, the seed that finds it, how many were tried, and the invariant that
    /// does not hold.
    /// - Throws: `ExitCode.failure` where a fault is not found.
    func findFaults(_ data: SiteData) throws {
        #if SIMULATION
            let known = try Self.knownSeeds()
            let chosen = InjectedFault.allCases.filter {
                only.isEmpty || "\($0)".contains(only)
            }
            print("fault\tseed\ttried\tviolated")
            var (missed, unguarded) = (0, 0)
            for fault in chosen {
                // The table says "-" where no seed is known: the scripts do not reach it.
                if seed == nil, known["\(fault)"] == .some(nil) {
                    print("\(fault)\t-\t0\tnot guarded: no seed is known")
                    unguarded += 1
                    continue
                }
                let first = seed ?? known["\(fault)"].flatMap { $0 } ?? 1
                let most = seed == nil ? Self.further : seeds
                let found = Self.find(fault, from: first, upTo: most, data)
                if found == nil { missed += 1 }
                print(
                    "\(fault)\t\(found.map { "\($0.seed)" } ?? "-")\t\(found?.tried ?? most)\t\(found?.violation ?? "not found")"
                )
            }
            let found = chosen.count - missed - unguarded
            print("\(found) of \(chosen.count) faults found, \(unguarded) not guarded")
            if missed > 0 { throw ExitCode.failure }
        #else
            throw ValidationError("--faults needs a build with -Xswiftc -DSIMULATION")
        #endif
    }

    #if SIMULATION
        private static func find(
            _ fault: InjectedFault, from first: UInt64, upTo most: Int, _ data: SiteData
        ) -> (seed: UInt64, tried: Int, violation: String)? {
            InjectedFault.current.withLock { $0 = fault }
            defer { InjectedFault.current.withLock { $0 = nil } }
            for tried in 1...most {
                let seed = first &+ UInt64(tried - 1)
                do { try World(seed: seed, data: data, keepsLog: false).run(script(seed)) } catch {
                    return (seed, tried, "\("\(error)".prefix(80))")
                }
            }
            return nil
        }

        private static func knownSeeds() throws -> [String: UInt64?] {
            guard let bytes = FileManager.default.contents(atPath: table) else {
                throw ValidationError("\(table) cannot be read; run this in the repository")
            }
            var seeds: [String: UInt64?] = [:]
            for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
                let columns = line.split(separator: "\t")
                if columns.count > 1 {
                    seeds.updateValue(UInt64(columns[1]), forKey: String(columns[0]))
                }
            }
            return seeds
        }
    #endif
}
