/// A JSON object whose members' names are data, in an order of their own.
package struct OrderedMembers<Value> {
    package var all: [(name: String, value: Value)]

    package init(_ all: [(name: String, value: Value)]) { self.all = all }

    package subscript(name: String) -> Value? { all.first { $0.name == name }?.value }
}

extension OrderedMembers: Sendable where Value: Sendable {}

private struct MemberName: CodingKey {
    var stringValue: String
    var intValue: Int? { nil }
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
}

extension OrderedMembers: Encodable where Value: Encodable {
    package func encode(to encoder: any Encoder) throws {
        var members = encoder.container(keyedBy: MemberName.self)
        for (name, value) in all {
            try members.encode(value, forKey: MemberName(stringValue: name))
        }
    }
}

extension OrderedMembers: Decodable where Value: Decodable {
    /// Foundation's decoder does not know their order in the text: they are ordered by name.
    package init(from decoder: any Decoder) throws {
        let members = try decoder.container(keyedBy: MemberName.self)
        let names = members.allKeys.sorted { $0.stringValue < $1.stringValue }
        all = try names.map { ($0.stringValue, try members.decode(Value.self, forKey: $0)) }
    }
}
