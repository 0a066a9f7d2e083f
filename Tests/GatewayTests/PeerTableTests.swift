import Foundation
import Testing

/// docs/reliability.md names a test for each failure of the peers: each of these tests exists.
@Suite struct PeerTableTests {
    @Test func everyTestThatTheTableNamesExists() throws {
        let text = try String(contentsOfFile: Site.root + "/docs/reliability.md", encoding: .utf8)
        let rows = text.split(separator: "\n").filter { $0.contains(/^\| \d+ \|/) }
        #expect(rows.count == 62)
        var sources = ""
        let folder = Site.root + "/Tests"
        for file in try FileManager.default.subpathsOfDirectory(atPath: folder)
        where file.hasSuffix(".swift") {
            sources += try String(contentsOfFile: folder + "/" + file, encoding: .utf8)
        }
        for row in rows {
            let quoted = row.split(separator: "`", omittingEmptySubsequences: false).enumerated()
                .filter {
                    $0.offset % 2 == 1
                }
            let names = quoted.map { String($0.element) }.filter {
                $0.first?.isLowercase == true && $0.allSatisfy { $0.isLetter || $0.isNumber }
                    && $0.count > 15
            }
            for name in names { #expect(sources.contains("func \(name)("), "row: \(row)") }
        }
    }
}
