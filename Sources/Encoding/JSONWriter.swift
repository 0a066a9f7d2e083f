import LiftModel

/// Writes JSON in the order of the calls, so that equal facts give equal bytes.
package struct JSONWriter {
    package private(set) var bytes: [UInt8] = []
    private var needsComma = false

    package init() {}

    package var text: String { String(decoding: bytes, as: UTF8.self) }

    package mutating func object(_ key: String? = nil, _ body: (inout JSONWriter) -> Void) {
        open(key, "{")
        body(&self)
        close("}")
    }
    package mutating func array(_ key: String? = nil, _ body: (inout JSONWriter) -> Void) {
        open(key, "[")
        body(&self)
        close("]")
    }
    package mutating func put(_ key: String, _ value: String?) {
        guard let value else { return }
        begin(key)
        quote(value)
    }
    /// - Parameter text: UTF-8.
    package mutating func put(_ key: String, text: Span<UInt8>) {
        begin(key)
        quote(text)
    }
    package mutating func put(_ key: String, _ value: Int?) {
        guard let value else { return }
        begin(key)
        raw(String(value))
    }
    package mutating func put(_ key: String, _ value: Bool?) {
        guard let value else { return }
        begin(key)
        raw(value ? "true" : "false")
    }
    package mutating func put(_ key: String, _ value: Double?) {
        guard let value else { return }
        begin(key)
        number(value)
    }
    /// - Parameter value: JSON, which is written unchanged.
    package mutating func put(_ key: String, raw value: ArraySlice<UInt8>) {
        begin(key)
        bytes.append(contentsOf: value)
    }
    /// Seconds with as many decimals as the time has, up to nanoseconds.
    package mutating func put(_ key: String, seconds value: Instant) {
        begin(key)
        raw(Self.decimalSeconds(value.nanoseconds))
    }
    package mutating func item(_ value: String) {
        begin(nil)
        quote(value)
    }
    package mutating func null(_ key: String) {
        begin(key)
        raw("null")
    }
    package mutating func line() {
        bytes.append(10)
        needsComma = false
    }
    package mutating func reset() {
        bytes.removeAll(keepingCapacity: true)
        needsComma = false
    }

    package static func decimalSeconds(_ nanoseconds: Int64) -> String {
        let magnitude = nanoseconds.magnitude
        var fraction = String(magnitude % 1_000_000_000)
        fraction = String(repeating: "0", count: 9 - fraction.count) + fraction
        while fraction.hasSuffix("0") { fraction.removeLast() }
        return (nanoseconds < 0 ? "-" : "") + String(magnitude / 1_000_000_000)
            + (fraction.isEmpty ? "" : "." + fraction)
    }

    mutating func open(_ key: String?, _ bracket: String) {
        begin(key)
        raw(bracket)
        needsComma = false
    }
    mutating func close(_ bracket: String) {
        raw(bracket)
        needsComma = true
    }
    mutating func begin(_ key: String?) {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
        if let key {
            quote(key)
            bytes.append(UInt8(ascii: ":"))
        }
        needsComma = true
    }
    mutating func raw(_ text: String) { bytes.append(contentsOf: text.utf8) }
    mutating func number(_ value: Double) {
        if !value.isFinite {
            raw("null")
        } else if value == value.rounded(), abs(value) < 1e15 {
            raw(String(Int64(value)))
        } else {
            raw(String(value))
        }
    }
    mutating func quote(_ text: String) {
        // The fast path: nearly all text needs no escape.
        guard
            text.utf8.contains(where: {
                $0 < 32 || $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\\")
            })
        else {
            bytes.append(UInt8(ascii: "\""))
            raw(text)
            return bytes.append(UInt8(ascii: "\""))
        }
        quote(Array(text.utf8).span)
    }
    private mutating func quote(_ text: Span<UInt8>) {
        bytes.append(UInt8(ascii: "\""))
        defer { bytes.append(UInt8(ascii: "\"")) }
        for i in text.indices {
            let byte = text[i]
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                bytes.append(UInt8(ascii: "\\"))
                bytes.append(byte)
            case 10: raw("\\n")
            case 13: raw("\\r")
            case 9: raw("\\t")
            case 0..<32: raw("\\u00" + (byte < 16 ? "0" : "") + String(byte, radix: 16))
            default: bytes.append(byte)
            }
        }
    }
}
