import Foundation
import Testing

/// The modules in the order of the data's way: each imports only earlier ones (ARCHITECTURE.md).
@Suite struct LayoutTests {
    private static let modules = [
        "LiftModel", "Platform", "Encoding", "PositionedYAML", "Trace", "Connectivity", "MQTT",
        "HTTP",
        "DeviceProfiles", "RuleEngine", "RuleLanguage", "Monitoring", "RuleTools", "Contract",
        "Journal",
        "DeliveryCore", "GatewayCore", "Delivery", "Gateway", "hoistway",
    ]

    /// The modules of this package that the sources in a folder import.
    private func imports(in folder: String) throws -> Set<String> {
        let expression = try NSRegularExpression(
            pattern: #"^\s*(?:@testable |public |package )?import (\w+)"#)
        var found: Set<String> = []
        let files =
            FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
        for file in files where file.hasSuffix(".swift") {
            for line in try String(contentsOfFile: "\(folder)/\(file)", encoding: .utf8).split(
                separator: "\n")
            {
                let text = String(line)
                guard
                    let match = expression.firstMatch(
                        in: text, range: NSRange(text.startIndex..., in: text)),
                    let name = Range(match.range(at: 1), in: text)
                else { continue }
                found.insert(String(text[name]))
            }
        }
        return found.intersection(Self.modules)
    }

    @Test(arguments: modules) func aModuleImportsOnlyWhatStandsBeforeIt(_ module: String) throws {
        let before = try Set(
            Self.modules.prefix(upTo: #require(Self.modules.firstIndex(of: module))))
        let found = try imports(in: Site.root + "/Sources/" + module)
        #expect(found.subtracting(before) == [], "\(module) imports what stands after it")
        #expect(!found.isEmpty || module == "LiftModel", "sources were found")
    }

    @Test func everyModuleHasItsPlaceInTheOrder() throws {
        let folders = try FileManager.default.contentsOfDirectory(atPath: Site.root + "/Sources")
        // A module whose name begins with C and a capital letter is a system library.
        let own = folders.filter { name in
            let head = name.prefix(2)
            return !(head.first == "C" && head.last?.isUppercase == true)
        }
        #expect(Set(own) == Set(Self.modules))
    }

    /// A failure is reported, or there is a reason why it does not matter; and what the compiler
    /// cannot check has its reason, too.
    @Test(arguments: ["Sources", "Simulator", "Benchmarks"])
    func anErrorThatIsDroppedAndAnUncheckedPromiseHaveTheirReasonBesideThem(folder: String) throws {
        let marks = [
            "try?", "try!", "@unchecked Sendable", "nonisolated(unsafe)", "fatalError(",
        ]
        var without: [String] = []
        for file in try FileManager.default.subpathsOfDirectory(atPath: Site.root + "/" + folder)
        where file.hasSuffix(".swift") {
            let text = try String(contentsOfFile: "\(Site.root)/\(folder)/\(file)", encoding: .utf8)
            guard marks.contains(where: { text.range(of: $0) != nil }) else { continue }
            var hasReasonBefore = false
            for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false)
                .enumerated()
            {
                // Not the slashes of a URL.
                let hasReason = line.contains(" //") || line.hasPrefix("//")
                if !hasReason, !hasReasonBefore, marks.contains(where: { line.contains($0) }) {
                    without.append("\(folder)/\(file):\(index + 1)")
                }
                hasReasonBefore = hasReason
            }
        }
        #expect(without == [], "a comment on the line or on the one before says why")
    }

    /// A dependency in Package.swift that no source imports is not needed.
    @Test func aModuleDependsOnWhatItImports() throws {
        let text = try String(contentsOfFile: Site.root + "/Package.swift", encoding: .utf8)
        let package = try text[#require(text.range(of: "targets: [\n        //")).lowerBound...]
        for module in Self.modules {
            let begin = try #require(
                package.range(of: "name: \"\(module)\",\n")
                    ?? package.range(of: "name: \"\(module)\", "))
            let end = try #require(
                package.range(of: "swiftSettings", range: begin.upperBound..<package.endIndex))
            let dependencies = Set(
                Self.modules.filter {
                    package[begin.upperBound..<end.lowerBound].contains("\"\($0)\"")
                })
            #expect(try imports(in: Site.root + "/Sources/" + module) == dependencies, "\(module)")
        }
    }

    /// So that any order of inputs can be tried in virtual time.
    @Test(arguments: ["GatewayCore", "DeliveryCore"])
    func aCoreReachesNoClockThreadConnectionOrFile(_ module: String) throws {
        let words = [
            "MonotonicClock", "ContinuousClock", "import Platform", "import MQTT", "import HTTP",
            "import Foundation", "import Glibc", "LoopThread", "WakeUp", "FileManager", "Mutex",
        ]
        let folder = Site.root + "/Sources/" + module
        let files = try FileManager.default.contentsOfDirectory(atPath: folder)
        #expect(files.count > 5)
        for file in files {
            let text = try String(contentsOfFile: "\(folder)/\(file)", encoding: .utf8)
            #expect(words.filter { text.contains($0) } == [], "\(module)/\(file)")
        }
    }

    /// What trials need is in a program of its own, which is not installed.
    @Test func theInstalledProgramReadsDocumentedSettingsOnly() throws {
        let program = try Data(
            contentsOf: URL(fileURLWithPath: BuiltProgram.path("hoistway")))
        var names: Set<String> = []
        var rest = program[...]
        while let found = rest.range(of: Data("HOISTWAY_".utf8)) {
            let name = rest[found.lowerBound...].prefix {
                $0 == UInt8(ascii: "_") || (65...90).contains($0)
            }
            names.insert(String(decoding: name, as: UTF8.self))
            rest = rest[found.upperBound...]
        }
        #expect(names == ["HOISTWAY_DEVICES"])
    }
}
