import Delivery
import Encoding
import FoundationEssentials
import GatewayCore
import PositionedYAML

/// Checks the example in a centre's form: what the contract's example of an alert
/// (`Devices/centres/example-event.json`) looks like in this form. `hoistway check` runs it, as it
/// runs the examples of profiles and rules.
enum CentreFormExample {
    /// The differences between the example and the form's output, member by member.
    /// - Parameter path: the form's file.
    /// - Throws: `InvalidFiles` when the form or the event cannot be read.
    static func mistakes(_ path: String) throws(InvalidFiles) -> [Diagnostic] {
        let form = try CentreFormFile.read(path)
        var reader = YAMLReader(try Files.yaml(path), Diagnostics())
        guard let example = reader.optional("example") else {
            return [
                Diagnostic(
                    file: path,
                    message:
                        "'example' is missing: what Devices/centres/example-event.json looks like in this form"
                )
            ]
        }
        let file = DeviceData.shippedFolder() + "/centres/example-event.json"
        let event = try Files.bytes(file)
        let made: [UInt8]?
        do throws(JSONError) { made = try form.json(of: event) } catch {
            return [
                Diagnostic(
                    file: file,
                    message: "is no JSON at byte \(error.offset): expected \(error.expected)")
            ]
        }
        guard let body = made else {
            return [
                example.diagnostic(
                    "the form has no code for the example event: expected a kind 'entrapment' and a state 'confirmed'"
                )
            ]
        }
        let sent: [String: JSONValue]
        do { sent = try JSONDecoder().decode([String: JSONValue].self, from: Data(body)) } catch {
            return [
                example.diagnostic("the form makes no JSON object of the example event: \(error)")
            ]
        }
        return differences(&reader, example, sent)
    }

    /// - Parameter sent: what the form makes of the example event.
    private static func differences(
        _ reader: inout YAMLReader, _ example: YAMLNode, _ sent: [String: JSONValue]
    ) -> [Diagnostic] {
        var mistakes: [Diagnostic] = []
        var named: Set<String> = []
        for (key, value) in reader.entries("example") {
            let name = key.text ?? ""
            named.insert(name)
            guard case .scalar(let text, let isPlain) = value.content else {
                mistakes.append(
                    value.diagnostic("example: found \(value.summary), expected a number or a text")
                )
                continue
            }
            let expected: JSONValue =
                isPlain ? Double(text).map { .number($0) } ?? .text(text) : .text(text)
            if sent[name] != expected {
                let found = sent[name].map(written) ?? "nothing"
                mistakes.append(
                    value.diagnostic(
                        "example: '\(name)' is \(written(expected)), and the form makes \(found) of it"
                    ))
            }
        }
        for name in sent.keys.sorted() where !named.contains(name) {
            mistakes.append(
                example.diagnostic("example: '\(name)' is missing, which the form writes"))
        }
        return mistakes
    }

    /// A member of the form; it writes numbers and texts on one level.
    private static func written(_ value: JSONValue) -> String {
        switch value {
        case .number(let number): Int(exactly: number).map(String.init) ?? String(number)
        case .text(let text): "\"\(text)\""
        case .nothing: "null"
        case .flag(let flag): "\(flag)"
        case .list, .object, .deep, .unreadable: "neither a number nor a text"
        }
    }
}
