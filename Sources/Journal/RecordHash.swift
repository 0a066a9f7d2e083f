import Encoding

/// The hash that each record carries, over its content and its sequence number.
enum RecordHash {
    static func batch(
        sequence: Int64, segment: Int64, indexInSegment: Int64, now: Int64, control: String?,
        _ readings: [UInt8]
    ) -> Int64 {
        var writer = ByteWriter()
        for number in [sequence, segment, indexInSegment, now] { writer.write(number) }
        writer.write(control ?? "")
        return hash(writer.bytes + readings)
    }

    static func snapshot(through sequence: Int64, _ state: [UInt8]) -> Int64 {
        var writer = ByteWriter()
        writer.write(sequence)
        return hash(writer.bytes + state)
    }

    private static func hash(_ bytes: [UInt8]) -> Int64 {
        var hash = ByteHash(seed: 2)
        hash.add(bytes.span, 0, bytes.count)
        return Int64(bitPattern: hash.value)
    }
}
