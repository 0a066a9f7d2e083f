/// A field that a profile reads, as the path of keys to it.
package struct JSONField: Equatable {
    var path: [[UInt8]]
    package var name: String
    package init(_ name: String) {
        self.name = name
        path = name.split(separator: ".", omittingEmptySubsequences: false).map { Array($0.utf8) }
    }
    /// A key of the top object; a dot in it separates nothing.
    package init(key: String) {
        name = key
        path = [Array(key.utf8)]
    }
}

/// The fields to find in a message, with a hash table from a key's length and some of its bytes to
/// the fields that the key may name.
package struct JSONFieldSet: Sendable, ExpressibleByArrayLiteral {
    let fields: [JSONField]
    /// By `hash`: bit *i*: the first key of field *i*'s path may be this.
    private let candidates: [UInt64]
    private let names: [KeyText]
    private let isNested: [Bool]

    package static let mostFields = 64

    /// - Parameter fields: at most `mostFields`.
    package init(_ fields: [JSONField]) {
        precondition(fields.count <= Self.mostFields)
        self.fields = fields
        var candidates = [UInt64](repeating: 0, count: 256)
        var names: [KeyText] = []
        for field in fields {
            let name = field.path[0]
            names.append(KeyText(name.span, 0, name.count))
        }
        self.names = names
        for (i, field) in fields.enumerated() {
            let name = field.path[0]
            candidates[Self.hash(name.span, 0, name.count)] |= 1 << UInt64(i)
        }
        self.candidates = candidates
        isNested = fields.map { $0.path.count > 1 }
    }
    package init(arrayLiteral fields: JSONField...) { self.init(fields) }

    package var count: Int { fields.count }
    package func name(_ index: Int) -> String { fields[index].name }

    @inline(__always)
    private static func hash(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Int {
        if end == start { return 0 }
        let middle = Int(bytes[start + (end - start) / 2])
        return
            ((end - start) &* 37 &+ Int(bytes[start]) &* 5 &+ Int(bytes[end - 1]) &* 17 &+ middle)
            & 255
    }

    /// Which fields a key of the top object leads to: those it names, and those nested under it.
    @inline(__always)
    func matches(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> (exact: UInt64, inner: UInt64) {
        var rest = candidates[Self.hash(bytes, start, end)]
        var found: (exact: UInt64, inner: UInt64) = (0, 0)
        if rest == 0 { return found }
        let key = KeyText(bytes, start, end)
        while rest != 0 {
            let i = rest.trailingZeroBitCount
            let bit = rest & (0 &- rest)
            rest ^= bit
            guard names[i] == key, end - start <= 24 || isSame(i, bytes, start) else { continue }
            if isNested[i] { found.inner |= bit } else { found.exact |= bit }
        }
        return found
    }

    private func isSame(_ field: Int, _ bytes: Span<UInt8>, _ start: Int) -> Bool {
        for (k, byte) in fields[field].path[0].enumerated() where bytes[start + k] != byte {
            return false
        }
        return true
    }
}

/// A key's length, its first sixteen bytes and its last eight: for keys of up to 24 bytes, the
/// whole key.
private struct KeyText: Equatable, Sendable {
    let count: Int
    let first: UInt64
    let second: UInt64
    let last: UInt64

    @inline(__always)
    init(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) {
        count = end - start
        let raw = bytes.bytes
        if count >= 8 {
            // A number may be read from any bytes; the span checks its bounds.
            first = raw.unsafeLoadUnaligned(fromByteOffset: start, as: UInt64.self)
            second =
                count >= 16
                ? raw.unsafeLoadUnaligned(fromByteOffset: start + 8, as: UInt64.self) : 0
            last = raw.unsafeLoadUnaligned(fromByteOffset: end - 8, as: UInt64.self)
        } else {
            var head: UInt64 = 0
            for i in start..<end { head = head << 8 | UInt64(bytes[i]) }
            (first, second, last) = (head, 0, 0)
        }
    }
}
