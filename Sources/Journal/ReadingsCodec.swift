import CZstd
import Encoding
import LiftModel

/// A message as it was received, stored for replay.
public struct JournalledMessage: Sendable, Equatable {
    /// Nanoseconds on the gateway's time line.
    public var arrival: Int64
    public var topic: [UInt8]
    public var payload: [UInt8]
    public var isRetained: Bool
    /// MQTT's packet id, which a redelivery repeats; 0 for QoS 0.
    public var mid: Int
    public var treatment: Treatment

    /// What the gateway did with the message when it arrived.
    public enum Treatment: Sendable, Equatable {
        case read
        /// Read, with a time stamp or a sequence number of its own: the same bytes with the same
        /// packet id are a redelivery.
        case distinct
        /// Refused unread, as too long or from an unregistered topic: `payload` is its beginning
        /// only.
        case unread(length: Int, sha256: [UInt8])
    }

    /// Bytes that are stored of a message that was refused unread.
    public static let unreadPrefixLength = 256

    public init(
        arrival: Int64, topic: [UInt8], payload: [UInt8], isRetained: Bool, mid: Int,
        treatment: Treatment = .read
    ) {
        self.treatment = treatment
        self.mid = mid
        self.arrival = arrival
        self.topic = topic
        self.payload = payload
        self.isRetained = isRetained
    }

    /// A message that was refused unread. Its beginning, length and SHA-256 show later where it
    /// came from, and a flood of such messages fills neither memory nor disk.
    public init(
        unread payload: Span<UInt8>, topic: [UInt8], arrival: Int64, isRetained: Bool, mid: Int
    ) {
        self.init(
            arrival: arrival, topic: topic,
            payload: payload.extracting(0..<min(payload.count, Self.unreadPrefixLength)).array,
            isRetained: isRetained,
            mid: mid, treatment: .unread(length: payload.count, sha256: SHA256.hash(payload)))
    }
}

/// Packs a batch's messages into one blob: each payload as its difference from the last payload of
/// its topic, then zstd.
///
/// A message that repeats the last one costs a few bytes, and the raw payload can be recovered. The
/// topics and last payloads that the differences refer to belong to a *segment*: its first batch
/// refers to nothing before it.
struct ReadingsCodec {
    /// Limits how much must be read to decode one batch.
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
            let knownIndex = topics[message.topic]
            let index = knownIndex ?? names.count
            writer.write(variable: UInt64(index) << 1 | (message.isRetained ? 1 : 0))
            if knownIndex == nil {
                topics[message.topic] = index
                names.append(message.topic)
                lastPayloads.append([])
                writer.write(blob: message.topic)
            }
            // The first arrival time of a batch is absolute, the others are differences.
            let difference = message.arrival &- clock
            writer.write(variable: UInt64(bitPattern: difference << 1 ^ difference >> 63))
            clock = message.arrival
            writer.write(variable: UInt64(message.mid) | message.treatment.flag)
            let last = lastPayloads[index]
            let prefix = Self.commonPrefix(last, message.payload)
            let suffix = Self.commonSuffix(
                last, message.payload, atMost: min(last.count, message.payload.count) - prefix)
            writer.write(variable: UInt64(prefix))
            writer.write(variable: UInt64(suffix))
            writer.write(blob: message.payload[prefix..<message.payload.count - suffix])
            if case .unread(let length, let sha256) = message.treatment {
                writer.write(variable: UInt64(length))
                writer.write(blob: sha256)
            }
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
            let midAndFlag = try reader.readVariable()
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
                    arrival: clock, topic: names[index], payload: payload,
                    isRetained: head & 1 == 1,
                    mid: Int(midAndFlag & 0xFFFF),
                    treatment: try treatment(midAndFlag & ~0xFFFF, &reader)))
        }
        return messages
    }

    private func treatment(
        _ flag: UInt64, _ reader: inout ByteReader
    ) throws(MalformedBytes) -> JournalledMessage.Treatment {
        switch flag {
        case 0: return .read
        case JournalledMessage.Treatment.distinct.flag: return .distinct
        case JournalledMessage.Treatment.unread(length: 0, sha256: []).flag:
            let length = Int(truncatingIfNeeded: try reader.readVariable())
            return .unread(length: length, sha256: Array(try reader.readBlob()))
        default: throw MalformedBytes(offset: reader.offset)
        }
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

extension JournalledMessage.Treatment {
    /// Above a packet id's 16 bits.
    fileprivate var flag: UInt64 {
        switch self {
        case .read: 0
        case .distinct: 1 << 16
        case .unread: 2 << 16
        }
    }
}

/// The system's zstd, level 1: readings are written once a second on a small box.
enum Zstandard {
    /// No unpacked batch or snapshot is larger. A damaged length must not exhaust the memory.
    static let largest = 1 << 30

    /// Longer ones are packed piece by piece: the room for the longest result of the snapshot of
    /// thousands of lifts would be as large as the snapshot.
    private static let largestAtOnce = 1 << 20

    static func compress(_ bytes: [UInt8]) -> [UInt8] {
        if bytes.count > largestAtOnce { return compressByPieces(bytes) }
        var packed = [UInt8](repeating: 0, count: ZSTD_compressBound(bytes.count))
        let count = ZSTD_compress(&packed, packed.count, bytes, bytes.count, 1)
        precondition(ZSTD_isError(count) == 0, "zstd refused a buffer of the size it asked for")
        packed.removeLast(packed.count - count)
        return packed
    }

    private static func compressByPieces(_ bytes: [UInt8]) -> [UInt8] {
        guard let context = ZSTD_createCCtx() else {
            preconditionFailure("no memory for a compressor")
        }
        defer { ZSTD_freeCCtx(context) }
        ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, 1)
        // The frame has its length, as that of one call.
        ZSTD_CCtx_setPledgedSrcSize(context, UInt64(bytes.count))
        var packed: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: ZSTD_CStreamOutSize())
        // zstd reads `source` and writes `room` during the call only.
        bytes.withUnsafeBytes { source in
            var input = ZSTD_inBuffer(src: source.baseAddress, size: source.count, pos: 0)
            var left = 1
            while left != 0 {
                let written = piece.withUnsafeMutableBytes { room in
                    var output = ZSTD_outBuffer(dst: room.baseAddress, size: room.count, pos: 0)
                    left = ZSTD_compressStream2(context, &output, &input, ZSTD_e_end)
                    return output.pos
                }
                precondition(ZSTD_isError(left) == 0, "zstd refused a stream")
                packed += piece[..<written]
            }
        }
        return packed
    }

    static func decompress(_ bytes: [UInt8]) throws(MalformedBytes) -> [UInt8] {
        let size = ZSTD_getFrameContentSize(bytes, bytes.count)
        guard size <= UInt64(largest) else { throw MalformedBytes(offset: 0) }
        var unpacked = [UInt8](repeating: 0, count: Int(size))
        let count = ZSTD_decompress(&unpacked, unpacked.count, bytes, bytes.count)
        guard ZSTD_isError(count) == 0, count == unpacked.count else {
            throw MalformedBytes(offset: 0)
        }
        return unpacked
    }
}
