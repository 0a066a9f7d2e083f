import CZstd
import Elevator
import Encoding

/// A message as it came, kept so that it can be judged again.
public struct JournalledMessage: Sendable, Equatable {
    /// Nanoseconds on the gateway's time line.
    public var arrival: Int64
    public var topic: [UInt8]
    public var payload: [UInt8]
    public var isRetained: Bool
    /// MQTT's packet id, by which the broker sends it again; 0 for QoS 0.
    public var mid: Int
    public init(arrival: Int64, topic: [UInt8], payload: [UInt8], isRetained: Bool, mid: Int) {
        self.mid = mid
        self.arrival = arrival
        self.topic = topic
        self.payload = payload
        self.isRetained = isRetained
    }
}

/// Packs a batch's messages into one blob: each payload as what differs from the last one on its topic, then zstd.
///
/// A lift that repeats itself costs a few bytes, and the raw payload can still be recovered. The topics and last payloads
/// that differences refer to belong to a *segment*: a batch that begins one refers to nothing before it.
struct ReadingsCodec {
    /// A segment is at most this many batches, so that reading one batch never means reading the whole journal.
    static let batchesPerSegment = 256
    private var topics: [[UInt8]: Int] = [:]
    private var lastPayloads: [[UInt8]] = []
    private var names: [[UInt8]] = []

    mutating func beginSegment() {
        topics.removeAll(keepingCapacity: true)
        lastPayloads.removeAll(keepingCapacity: true)
        names.removeAll(keepingCapacity: true)
    }

    mutating func encode(_ messages: [JournalledMessage]) -> [UInt8] {
        var writer = ByteWriter()
        var clock: Int64 = 0
        for message in messages {
            let known = topics[message.topic]
            let index = known ?? names.count
            writer.write(variable: UInt64(index) << 1 | (message.isRetained ? 1 : 0))
            if known == nil {
                topics[message.topic] = index
                names.append(message.topic)
                lastPayloads.append([])
                writer.write(blob: message.topic)
            }
            // Arrivals grow, but a first one is absolute.
            let step = message.arrival &- clock
            writer.write(variable: UInt64(bitPattern: step << 1 ^ step >> 63))
            clock = message.arrival
            writer.write(variable: UInt64(message.mid))
            let last = lastPayloads[index]
            let prefix = Self.commonPrefix(last, message.payload)
            let suffix = Self.commonSuffix(
                last, message.payload, atMost: min(last.count, message.payload.count) - prefix)
            writer.write(variable: UInt64(prefix))
            writer.write(variable: UInt64(suffix))
            writer.write(blob: message.payload[prefix..<message.payload.count - suffix])
            lastPayloads[index] = message.payload
        }
        return Zstandard.compress(writer.bytes)
    }

    mutating func decode(_ blob: [UInt8]) throws(MalformedBytes) -> [JournalledMessage] {
        var reader = ByteReader(try Zstandard.decompress(blob))
        var messages: [JournalledMessage] = []
        var clock: Int64 = 0
        while !reader.isAtEnd {
            let head = try reader.readVariable()
            let index = Int(truncatingIfNeeded: head >> 1)
            if index == names.count {
                names.append(Array(try reader.readBlob()))
                lastPayloads.append([])
            }
            guard index < names.count else { throw MalformedBytes(offset: reader.offset) }
            let zigzag = try reader.readVariable()
            clock = clock &+ (Int64(bitPattern: zigzag >> 1) ^ -Int64(bitPattern: zigzag & 1))
            let mid = Int(truncatingIfNeeded: try reader.readVariable())
            let last = lastPayloads[index]
            let prefix = try reader.readVariable()
            let suffix = try reader.readVariable()
            let middle = try reader.readBlob()
            guard prefix <= UInt64(last.count), suffix <= UInt64(last.count) - prefix else {
                throw MalformedBytes(offset: reader.offset)
            }
            let payload = Array(last[..<Int(prefix)]) + middle + last[(last.count - Int(suffix))...]
            lastPayloads[index] = payload
            messages.append(
                JournalledMessage(
                    arrival: clock, topic: names[index], payload: payload, isRetained: head & 1 == 1, mid: mid))
        }
        return messages
    }

    private static func commonPrefix(_ a: [UInt8], _ b: [UInt8]) -> Int {
        let limit = min(a.count, b.count)
        var n = 0
        while n < limit, a[n] == b[n] { n += 1 }
        return n
    }
    private static func commonSuffix(_ a: [UInt8], _ b: [UInt8], atMost limit: Int) -> Int {
        var n = 0
        while n < limit, a[a.count - 1 - n] == b[b.count - 1 - n] { n += 1 }
        return n
    }
}

/// The system's zstd, level 1: readings are written once a second on a small box.
enum Zstandard {
    /// No batch and no snapshot is larger unpacked; a damaged length must not exhaust the memory.
    static let largest = 1 << 30

    static func compress(_ bytes: [UInt8]) -> [UInt8] {
        var packed = [UInt8](repeating: 0, count: ZSTD_compressBound(bytes.count))
        let count = ZSTD_compress(&packed, packed.count, bytes, bytes.count, 1)
        precondition(ZSTD_isError(count) == 0, "zstd refused a buffer of the size it asked for")
        packed.removeLast(packed.count - count)
        return packed
    }

    static func decompress(_ bytes: [UInt8]) throws(MalformedBytes) -> [UInt8] {
        let size = ZSTD_getFrameContentSize(bytes, bytes.count)
        guard size <= UInt64(largest) else { throw MalformedBytes(offset: 0) }
        var unpacked = [UInt8](repeating: 0, count: Int(size))
        let count = ZSTD_decompress(&unpacked, unpacked.count, bytes, bytes.count)
        guard ZSTD_isError(count) == 0, count == unpacked.count else { throw MalformedBytes(offset: 0) }
        return unpacked
    }
}
