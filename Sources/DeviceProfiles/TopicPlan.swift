import Encoding
import LiftModel

/// A topic's mappings in flat arrays of plain values, so that decoding a message counts no
/// references.
struct TopicPlan: Sendable {
    enum Kind: UInt8 { case boolean, number, named }
    struct Step: Sendable {
        var signal: Int
        var kind: Kind
        /// Its sources; the first one that is in the message is used.
        var sources: Range<Int>
    }
    struct Source: Sendable {
        var field: Int
        var entries: Range<Int>
        /// Set where all keys of the map spell one side of a flag. The other side is then no
        /// unexpected value; it leaves the signal unknown.
        var onlySide: Bool?
        var threshold: SignalMapping.Threshold?
        var scale: Double
        var offset: Double
    }
    /// An entry of a map: a spelling and its meaning.
    struct Entry: Sendable {
        /// The first eight bytes of the spelling, as one number.
        var head: UInt64
        var count: Int
        /// Index in `texts` of the whole spelling.
        var text: Int
        var value: WrittenValue
        var bits: UInt64
        var isKnown: Bool
    }
    private(set) var steps: [Step] = []
    private(set) var sources: [Source] = []
    private(set) var entries: [Entry] = []
    /// The codes in the profile's map.
    private(set) var codes: Range<Int>
    /// The standard's codes, where the profile follows the standard.
    private(set) var standardCodes: Range<Int>
    /// Set where all codes in the map are one side of a flag (`true: "90"`): its other side is no
    /// code.
    private(set) var codesOnlySide: Bool?
    private(set) var active: Range<Int>
    private var texts: [[UInt8]] = []

    init(_ signals: [SignalMapping], _ codesMapping: CodesMapping?) {
        (codes, standardCodes, active) = (0..<0, 0..<0, 0..<0)
        for mapping in signals {
            let first = sources.count
            for source in mapping.sources {
                let firstEntry = entries.count
                for (written, bits) in source.map { add(written, bits) }
                sources.append(
                    Source(
                        field: source.field, entries: firstEntry..<entries.count,
                        onlySide: onlySide(of: firstEntry..<entries.count),
                        threshold: source.threshold, scale: source.scale, offset: source.offset))
            }
            let kind: Kind =
                switch mapping.signal.type {
                case .boolean: .boolean
                case .number: .number
                default: .named
                }
            steps.append(
                Step(signal: mapping.signal.rawValue, kind: kind, sources: first..<sources.count))
        }
        let firstCode = entries.count
        for (written, bit) in codesMapping?.map ?? [] { add(written, bit) }
        codes = firstCode..<entries.count
        codesOnlySide = onlySide(of: codes)
        if codesMapping?.followsStandard == true {
            for code in FaultCode.allCases {
                add(Array(code.rawValue.utf8), code.bit)
                // A code written as a number has no leading zero.
                if code.rawValue.hasPrefix("0") {
                    add(Array(code.rawValue.dropFirst().utf8), code.bit)
                }
            }
        }
        standardCodes = codes.upperBound..<entries.count
        for (written, bits) in codesMapping?.active?.map ?? [] { add(written, bits) }
        active = standardCodes.upperBound..<entries.count
    }

    private func onlySide(of range: Range<Int>) -> Bool? {
        guard let side = range.first.flatMap({ entries[$0].value.flag }) else { return nil }
        return range.allSatisfy { entries[$0].value.flag == side } ? side : nil
    }

    private mutating func add(_ written: [UInt8], _ bits: UInt64?) {
        texts.append(written)
        entries.append(
            Entry(
                head: Self.head(written.span, 0, written.count), count: written.count,
                text: texts.count - 1,
                value: WrittenValue(key: written), bits: bits ?? 0, isKnown: bits != nil))
    }

    private static func head(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> UInt64 {
        var head: UInt64 = 0
        for i in start..<min(end, start + 8) { head = head << 8 | UInt64(bytes[i]) }
        return head
    }

    /// The index of the entry for a value: an equal spelling, else an equal value.
    /// - Parameter mayBeFlag: 1 and true are one value, and so are 0 and false.
    func entry(
        _ kind: JSONToken.Kind, _ bytes: Span<UInt8>, _ start: Int, _ end: Int,
        among range: Range<Int>,
        mayBeFlag: Bool = true
    ) -> Int? {
        if range.isEmpty { return nil }
        let head = Self.head(bytes, start, end)
        for i in range where entries[i].head == head && entries[i].count == end - start {
            if end - start <= 8 || isSame(texts[entries[i].text], bytes, start) { return i }
        }
        let value = WrittenValue(kind, bytes, start, end)
        if case .text = value { return nil }
        for i in range where entries[i].value == value { return i }
        guard mayBeFlag, let twin = value.twin else { return nil }
        for i in range where entries[i].value == twin { return i }
        return nil
    }

    private func isSame(_ text: [UInt8], _ bytes: Span<UInt8>, _ start: Int) -> Bool {
        for i in text.indices where bytes[start + i] != text[i] { return false }
        return true
    }
}
