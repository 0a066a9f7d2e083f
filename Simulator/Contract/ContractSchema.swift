import FoundationEssentials

/// A published JSON Schema, in as much of the language as the contract uses; another keyword is refused, so that nothing is left
/// unchecked without a word.
struct ContractSchema {
    let root: JSONValue
    let name: String

    private static let known: Set = [
        "$schema", "$id", "title", "description", "type", "required", "properties", "items", "const", "enum", "minimum",
    ]

    init(_ path: String) throws {
        name = String(path.split(separator: "/").last ?? "")
        guard let data = FileManager.default.contents(atPath: path), let root = JSONValue(data) else {
            throw OutputError(path: path, reason: "is not there, or no JSON")
        }
        self.root = root
        try Self.refuseUnknown(root, path)
    }

    private static func refuseUnknown(_ schema: JSONValue, _ path: String) throws {
        for key in schema.members.keys where !known.contains(key) {
            throw OutputError(path: path, reason: "uses '\(key)', which is not checked here")
        }
        for property in (schema["properties"]?.members ?? [:]).values { try refuseUnknown(property, path) }
        if let items = schema["items"] { try refuseUnknown(items, path) }
    }

    /// What is wrong with a value, with the path to it. A member that the schema does not name is allowed, unless it is asked for:
    /// what we send ourselves stands in our schema.
    func mistakes(in value: JSONValue, allowingUnknown: Bool = true) -> [String] {
        Self.mistakes(value, root, "$", allowingUnknown)
    }

    private static func mistakes(
        _ value: JSONValue, _ schema: JSONValue, _ path: String, _ allowingUnknown: Bool
    ) -> [String] {
        var found: [String] = []
        if let constant = schema["const"], value != constant { found.append("\(path) is not \(constant.text ?? "")") }
        if let choices = schema["enum"]?.items, !choices.contains(value) {
            found.append("\(path) is none of \(choices.compactMap(\.text).joined(separator: ", "))")
        }
        if let least = schema["minimum"]?.number, let number = value.number, number < least {
            found.append("\(path) is \(number), expected \(least) or more")
        }
        switch (schema["type"]?.text, value) {
        case ("string", .text), ("number", .number), ("boolean", .boolean), (nil, _): break
        case ("integer", .number(let number)) where number == number.rounded(): break
        case ("array", .array(let items)):
            guard let schema = schema["items"] else { break }
            for (index, item) in items.enumerated() {
                found += mistakes(item, schema, "\(path)[\(index)]", allowingUnknown)
            }
        case ("object", .object(let members)):
            for key in schema["required"]?.items.compactMap(\.text) ?? [] where members[key] == nil {
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
        case (let type?, _): found.append("\(path) is no \(type)")
        }
        return found
    }
}
