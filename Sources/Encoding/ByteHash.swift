/// A 64-bit hash of bytes, the same in every run (Swift's own is seeded anew each time).
package struct ByteHash {
    package private(set) var value: UInt64
    package init(seed: UInt64) {
        value = 0x9E37_79B9_7F4A_7C15
        // Mixed by multiplication: with a plain XOR a seed and a first word that differ in the same
        // bit would cancel out.
        add(seed)
    }

    package mutating func add(_ word: UInt64) {
        let (high, low) = (value ^ word).multipliedFullWidth(by: 0xD6E8_FEB8_6659_FD93)
        value = high ^ low &+ 0x2545_F491_4F6C_DD1D
    }

    package mutating func add(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) {
        add(UInt64(end - start))
        let raw = bytes.bytes
        var i = start
        while i + 8 <= end {
            // Checked against the span's bounds; a number may be read from any bytes.
            add(UInt64(littleEndian: raw.unsafeLoadUnaligned(fromByteOffset: i, as: UInt64.self)))
            i += 8
        }
        var rest: UInt64 = 0
        while i < end {
            rest = rest << 8 | UInt64(bytes[i])
            i += 1
        }
        add(rest)
    }
}
