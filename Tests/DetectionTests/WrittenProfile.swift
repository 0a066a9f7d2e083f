import Foundation
import LiftModel
import PositionedYAML

@testable import DeviceProfiles

extension Shipped {
    // A profile that cannot be read fails every test that uses it.
    static let national: Profile = {
        let path = folder + "/profiles/gbt24476-json.yaml"
        let bytes = [UInt8](FileManager.default.contents(atPath: path)!)
        return Profile(try! YAMLNode(parsing: bytes, file: path), Diagnostics())!
    }()
}

/// A profile of one topic, `v/{lift}/st`, as a test writes it.
struct WrittenProfile {
    var profile: Profile?
    var mistakes: [String]

    /// - Parameter body: the YAML under the topic, a line each.
    init(_ body: String, head: String = "") throws(InvalidFiles) {
        let text =
            "profile: x\n\(head)\ntopics:\n  - topic: v/{lift}/st\n"
            + body.split(separator: "\n").map { "    \($0)\n" }.joined()
        let diagnostics = Diagnostics()
        profile = Profile(try YAMLNode(parsing: Array(text.utf8), file: "x.yaml"), diagnostics)
        mistakes = diagnostics.all.map(\.description)
    }

    /// A signal's value in a message, its unexpected values, and the controller's own code.
    func read(_ payload: String, _ signal: Signal) throws(UnreadableMessage) -> (
        value: String, odd: [String], vendorCode: String?
    ) {
        guard let profile else { return ("\(mistakes)", [], nil) }
        var decoder = MessageDecoder(profile)
        let bytes = Array(payload.utf8)
        let message = try decoder.decode(bytes.span, topic: 0, isRetained: false, identities: [])
        let code = message.vendorCode.map {
            String(
                decoding: $0.isResolved ? decoder.resolved[$0.range] : bytes[$0.range],
                as: UTF8.self)
        }
        return (
            message.reading.written(signal),
            decoder.unexpectedValues.map {
                "\($0.kind.rawValue) \(decoder.explain($0, in: bytes.span).found)"
            }, code
        )
    }
}
