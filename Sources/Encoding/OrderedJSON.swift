/// Encodes values as JSON with `JSONWriter`: members stand in the order of their properties, and
/// numbers have the writer's form, so that equal values give equal bytes. Foundation's encoder has
/// another order at each start.
///
/// The writer throws nothing, and neither does encoding that the compiler has made. A value whose
/// own `encode(to:)` throws, or nests containers itself, gives `null`, or no members.
package enum OrderedJSON {
    package static func bytes(_ value: some Encodable) -> [UInt8] {
        var json = JSONWriter()
        json.write(nil, value)
        return json.bytes
    }
}

extension JSONWriter {
    package mutating func put(_ key: String, encoding value: some Encodable) { write(key, value) }

    /// Writes the members of an object into the one that is open.
    package mutating func putMembers(of value: some Encodable) { write(nil, value, isOpen: true) }

    fileprivate mutating func write(_ key: String?, _ value: some Encodable, isOpen: Bool = false) {
        let output = Output(self, isOpen: isOpen)
        self = JSONWriter()
        do {
            try output.write(key, value)
            self = output.json
        } catch {
            self = output.before
            if isOpen { return }
            begin(key)
            raw("null")
        }
    }
}

/// Writes each value at once. A container is closed when the value that has opened it is encoded.
private final class Output: Encoder {
    var json: JSONWriter
    let before: JSONWriter
    /// The key of the value that is next.
    private var key: String?
    /// What closes the container of the present value; nil where it has opened none.
    private var closing: String?
    /// The outermost object is open already.
    private var isOpen: Bool
    private var nestsContainers = false

    let codingPath: [any CodingKey] = []
    let userInfo: [CodingUserInfoKey: Any] = [:]

    init(_ json: JSONWriter, isOpen: Bool) {
        (self.json, before, self.isOpen) = (json, json, isOpen)
    }

    func write(_ key: String?, _ value: some Encodable) throws {
        self.key = key
        let outer = closing
        closing = nil
        try value.encode(to: self)
        if nestsContainers { throw NestsContainers() }
        if let closing { json.close(closing) }
        closing = outer
    }

    /// For a container that a value nests by its own `encode(to:)`: what it gets is dropped.
    func dropped() -> Output {
        nestsContainers = true
        return Output(JSONWriter(), isOpen: false)
    }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        if isOpen {
            isOpen = false
        } else {
            open("{", "}")
        }
        return KeyedEncodingContainer(Members(output: self))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        open("[", "]")
        return Items(output: self)
    }

    func singleValueContainer() -> any SingleValueEncodingContainer { Scalar(output: self) }

    /// Begins a value that has no container.
    func beginScalar() {
        json.begin(key)
        key = nil
    }

    private func open(_ bracket: String, _ closing: String) {
        json.open(key, bracket)
        key = nil
        self.closing = closing
    }
}

private struct NestsContainers: Error {}

private struct Members<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let output: Output
    var codingPath: [any CodingKey] { [] }

    func encodeNil(forKey key: Key) { output.json.null(key.stringValue) }
    func encode(_ value: Bool, forKey key: Key) { output.json.put(key.stringValue, value) }
    func encode(_ value: String, forKey key: Key) { output.json.put(key.stringValue, value) }
    func encode(_ value: Double, forKey key: Key) { output.json.put(key.stringValue, value) }
    func encode(_ value: Int, forKey key: Key) { output.json.put(key.stringValue, value) }
    func encode<Value: Encodable>(_ value: Value, forKey key: Key) throws {
        try output.write(key.stringValue, value)
    }

    func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type, forKey: Key
    ) -> KeyedEncodingContainer<Nested> {
        output.dropped().container(keyedBy: type)
    }
    func nestedUnkeyedContainer(forKey: Key) -> any UnkeyedEncodingContainer {
        output.dropped().unkeyedContainer()
    }
    func superEncoder() -> any Encoder { output.dropped() }
    func superEncoder(forKey: Key) -> any Encoder { output.dropped() }
}

private struct Items: UnkeyedEncodingContainer {
    let output: Output
    var codingPath: [any CodingKey] { [] }
    private(set) var count = 0

    init(output: Output) { self.output = output }

    mutating func encodeNil() {
        output.json.begin(nil)
        output.json.raw("null")
        count += 1
    }
    mutating func encode<Value: Encodable>(_ value: Value) throws {
        try output.write(nil, value)
        count += 1
    }

    func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type
    ) -> KeyedEncodingContainer<Nested> {
        output.dropped().container(keyedBy: type)
    }
    func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer {
        output.dropped().unkeyedContainer()
    }
    func superEncoder() -> any Encoder { output.dropped() }
}

private struct Scalar: SingleValueEncodingContainer {
    let output: Output
    var codingPath: [any CodingKey] { [] }

    func encodeNil() {
        output.beginScalar()
        output.json.raw("null")
    }
    func encode(_ value: Bool) {
        output.beginScalar()
        output.json.raw(value ? "true" : "false")
    }
    func encode(_ value: String) {
        output.beginScalar()
        output.json.quote(value)
    }
    func encode(_ value: Double) {
        output.beginScalar()
        output.json.number(value)
    }
    func encode<Value: Encodable>(_ value: Value) throws {
        switch value {
        case let number as any BinaryInteger:
            output.beginScalar()
            output.json.raw("\(number)")
        case let number as Float: encode(Double(number))
        // A value that stands for another one opens its container itself.
        default: try value.encode(to: output)
        }
    }
}
