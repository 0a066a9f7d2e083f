import Foundation

/// The programs that were built with the tests: they are in the folder of the tests' own program.
enum BuiltProgram {
    static let folder: String = {
        // Without it no program is found, and every test that starts one says so.
        let own =
            (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        return URL(fileURLWithPath: own).deletingLastPathComponent().path
    }()

    static func path(_ name: String) -> String { folder + "/" + name }
}
