/// Writes numbers and text as little-endian bytes, for blobs that only this product reads.
public struct ByteWriter {
    public private(set) var bytes: [UInt8] = []
    public init() {}
    /// Makes room for this many bytes more, and for no others: an array that grows by itself is
    /// copied into one of twice the size.
    public mutating func reserve(_ count: Int) { bytes.reserveCapacity(bytes.count + count) }
    public mutating func reset() { bytes.removeAll(keepingCapacity: true) }

    public mutating func write<Integer: FixedWidthInteger>(_ value: Integer) {
        // The number's own bytes, for as long as they are appended.
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }
    /// Writes the numbers one after the other.
    public mutating func write(words: borrowing [Int64]) {
        #if _endian(little)
            // The array's own bytes, for as long as they are appended.
            words.withUnsafeBytes { bytes.append(contentsOf: $0) }
        #else
            for word in words { write(word) }
        #endif
    }
    /// LEB128: small numbers in few bytes.
    public mutating func write(variable value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }
    public mutating func write(_ flag: Bool) { bytes.append(flag ? 1 : 0) }
    public mutating func write(_ text: String) { write(blob: text.utf8) }
    public mutating func write(blob: some Collection<UInt8>) {
        write(variable: UInt64(blob.count))
        bytes.append(contentsOf: blob)
    }
}

/// These bytes were not written by `ByteWriter`.
public struct MalformedBytes: Error, CustomStringConvertible {
    public var offset: Int
    public var description: String { "malformed at byte \(offset)" }
    public init(offset: Int) { self.offset = offset }
}

/// Reads what `ByteWriter` wrote; never past the end.
public struct ByteReader {
    private let bytes: [UInt8]
    public private(set) var offset = 0
    public init(_ bytes: [UInt8]) { self.bytes = bytes }
    public var remaining: Int { bytes.count - offset }
    public var isAtEnd: Bool { offset == bytes.count }

    public mutating func read<Integer: FixedWidthInteger & BitwiseCopyable>(
        _: Integer.Type = Integer.self
    )
        throws(MalformedBytes)
        -> Integer
    {
        let width = Integer.bitWidth / 8
        guard offset + width <= bytes.count else { throw MalformedBytes(offset: offset) }
        defer { offset += width }
        // A number may be read from any bytes; the span checks its bounds.
        return Integer(
            littleEndian: bytes.span.bytes.unsafeLoadUnaligned(
                fromByteOffset: offset, as: Integer.self))
    }
    public mutating func readVariable() throws(MalformedBytes) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            guard offset < bytes.count, shift < 64 else { throw MalformedBytes(offset: offset) }
            let byte = bytes[offset]
            offset += 1
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
            shift += 7
        }
    }
    public mutating func readFlag() throws(MalformedBytes) -> Bool { try read(UInt8.self) != 0 }
    public mutating func readText() throws(MalformedBytes) -> String {
        String(decoding: try readBlob(), as: UTF8.self)
    }
    public mutating func readBlob() throws(MalformedBytes) -> ArraySlice<UInt8> {
        let count = try readVariable()
        guard count <= UInt64(bytes.count - offset) else { throw MalformedBytes(offset: offset) }
        defer { offset += Int(count) }
        return bytes[offset..<offset + Int(count)]
    }
}

extension Span where Element == UInt8 {
    /// A copy that outlives the span.
    package var array: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count)
        for i in 0..<count { bytes.append(self[i]) }
        return bytes
    }
}

extension Sequence<UInt8> {
    /// Two hexadecimal digits a byte.
    package var hexText: String { map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() }
}
