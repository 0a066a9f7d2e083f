import Delivery
import Encoding
import FoundationEssentials
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
                    message: "'example' is missing: what Devices/centres/example-event.json looks like in this form")
            ]
        }
        let event = try Files.bytes(DeviceData.shippedFolder() + "/centres/example-event.json")
        guard let body = form.json(of: event) else {
            return [
                example.diagnostic(
                    "the form has no code for the example event: expected a kind 'entrapment' and a state 'confirmed'")
            ]
        }
        // A form writes members of one level only.
        let sent = (try? JSONDecoder().decode([String: Scalar].self, from: Data(body))) ?? [:]
        var mistakes: [Diagnostic] = []
        var named: Set<String> = []
        for (key, value) in reader.entries("example") {
            let name = key.text ?? ""
            named.insert(name)
            guard case .scalar(let text, let isPlain) = value.content else {
                mistakes.append(value.diagnostic("example: found \(value.summary), expected a number or a text"))
                continue
            }
            let expected: Scalar = isPlain ? Double(text).map { .number($0) } ?? .text(text) : .text(text)
            if sent[name] != expected {
                let found = sent[name].map(\.description) ?? "nothing"
                mistakes.append(
                    value.diagnostic("example: '\(name)' is \(expected), and the form makes \(found) of it"))
            }
        }
        for name in sent.keys.sorted() where !named.contains(name) {
            mistakes.append(example.diagnostic("example: '\(name)' is missing, which the form writes"))
        }
        return mistakes
    }

    private enum Scalar: Decodable, Equatable, CustomStringConvertible {
        case number(Double)
        case text(String)
        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            do { self = .number(try container.decode(Double.self)) } catch {
                self = .text(try container.decode(String.self))
            }
        }
        var description: String {
            switch self {
            case .number(let number): Int(exactly: number).map(String.init) ?? String(number)
            case .text(let text): "\"\(text)\""
            }
        }
    }
}
