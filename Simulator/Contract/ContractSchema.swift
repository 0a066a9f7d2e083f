import Encoding
import FoundationEssentials

/// A published JSON Schema, in as much of the language as the contract uses. Any other keyword is
/// refused, so that nothing stays unchecked.
struct ContractSchema {
    let root: JSONValue
    let name: String

    private static let known: Set = [
        "$schema", "$id", "$defs", "$ref", "title", "description", "type", "required", "properties",
        "items", "const",
        "enum",
        "minimum", "maximum", "minLength", "maxLength", "maxItems", "pattern", "anyOf",
    ]

    private static let definitions = "#/$defs/"

    init(_ path: String) throws {
        name = String(path.split(separator: "/").last ?? "")
        guard let data = FileManager.default.contents(atPath: path), let root = JSONValue(data)
        else {
            throw OutputError(path: path, reason: "is not there, or no JSON")
        }
        self.root = root
        try Self.refuseUnknown(root, path)
    }

    private static func refuseUnknown(_ schema: JSONValue, _ path: String) throws {
        for key in schema.members.keys where !known.contains(key) {
            throw OutputError(path: path, reason: "uses '\(key)', which is not checked here")
        }
        for property in (schema["properties"]?.members ?? [:]).values {
            try refuseUnknown(property, path)
        }
        for definition in (schema["$defs"]?.members ?? [:]).values {
            try refuseUnknown(definition, path)
        }
        if let pattern = schema["pattern"]?.text {
            do { _ = try Regex(pattern) } catch {
                throw OutputError(path: path, reason: "the pattern '\(pattern)' cannot be read")
            }
        }
        if let reference = schema["$ref"]?.text, !reference.hasPrefix(definitions) {
            throw OutputError(
                path: path, reason: "refers to '\(reference)', expected '\(definitions)NAME'")
        }
        if let items = schema["items"] { try refuseUnknown(items, path) }
        for choice in schema["anyOf"]?.items ?? [] { try refuseUnknown(choice, path) }
    }

    /// The mistakes in a value, with their paths. A member that the schema does not name is allowed
    /// by default; what the gateway itself sends must be in the schema.
    func mistakes(in value: JSONValue, allowingUnknown: Bool = true) -> [String] {
        mistakes(value, root, "$", allowingUnknown)
    }

    private func mistakes(
        _ value: JSONValue, _ schema: JSONValue, _ path: String, _ allowingUnknown: Bool
    ) -> [String] {
        var found = limits(value, schema, path)
        if let reference = schema["$ref"]?.text {
            guard
                let definition = root["$defs"]?[String(reference.dropFirst(Self.definitions.count))]
            else {
                return ["\(path): the schema has no \(reference)"]
            }
            found += mistakes(value, definition, path, allowingUnknown)
        }
        if let constant = schema["const"], value != constant {
            found.append("\(path) is not \(constant.text ?? "")")
        }
        if let choices = schema["enum"]?.items, !choices.contains(value) {
            found.append("\(path) is none of \(choices.compactMap(\.text).joined(separator: ", "))")
        }
        if let choices = schema["anyOf"]?.items {
            let mistakesOfEach = choices.map { mistakes(value, $0, path, true) }
            if !mistakesOfEach.contains(where: \.isEmpty) { found += mistakesOfEach.first ?? [] }
        }
        switch (schema["type"]?.text, value) {
        case ("string", .text), ("number", .number), ("boolean", .flag): break
        case ("integer", .number(let number)) where number == number.rounded(): break
        case ("array", .list(let items)):
            guard let schema = schema["items"] else { break }
            for (index, item) in items.enumerated() {
                found += mistakes(item, schema, "\(path)[\(index)]", allowingUnknown)
            }
        case ("object", .object(let members)), (nil, .object(let members)):
            for key in schema["required"]?.items.compactMap(\.text) ?? [] where members[key] == nil
            {
                found.append("\(path).\(key) is missing")
            }
            guard let properties = schema["properties"]?.members else { break }
            for (key, item) in members.sorted(by: { $0.key < $1.key }) {
                if let property = properties[key] {
                    found += mistakes(item, property, "\(path).\(key)", allowingUnknown)
                } else if !allowingUnknown {
                    found.append("\(path).\(key) is not in the schema")
                }
            }
        case (nil, _): break
        case (let type?, _): found.append("\(path) is no \(type)")
        }
        return found
    }

    /// The limits of a number, of the length of a list or text, and the pattern of a text.
    private func limits(_ value: JSONValue, _ schema: JSONValue, _ path: String) -> [String] {
        var found: [String] = []
        func hold(_ count: Double, _ least: String?, _ most: String, _ what: String = "") {
            if let least = least.flatMap({ schema[$0]?.number }), count < least {
                found.append("\(path) is \(count)\(what), expected \(least) or more")
            }
            if let most = schema[most]?.number, count > most {
                found.append("\(path) is \(count)\(what), expected \(most) or less")
            }
        }
        switch value {
        case .number(let number): hold(number, "minimum", "maximum")
        case .list(let items): hold(Double(items.count), nil, "maxItems", " long")
        case .text(let text):
            hold(Double(text.unicodeScalars.count), "minLength", "maxLength", " long")
            guard let pattern = schema["pattern"]?.text else { break }
            do {
                let regex = try Regex(pattern).matchingSemantics(.unicodeScalar)
                if text.firstMatch(of: regex) == nil {
                    found.append("\(path) does not look as \(pattern) wants it")
                }
            } catch {
                found.append(
                    "\(path) cannot be checked: the schema's pattern '\(pattern)': \(error)")
            }
        default: break
        }
        return found
    }
}
