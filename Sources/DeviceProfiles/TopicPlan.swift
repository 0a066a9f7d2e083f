import Elevator
import Encoding

/// A topic's mappings laid flat for the decoder: plain numbers in a few arrays, so that reading a message counts no references.
struct TopicPlan: Sendable {
    enum Kind: UInt8 { case boolean, number, named }
    struct Step: Sendable {
        var signal: Int
        var kind: Kind
        /// Its sources, the first present one counts.
        var sources: Range<Int>
    }
    struct Source: Sendable {
        var field: Int
        var words: Range<Int>
        /// All its words mean one side of a flag: the other side is no unknown value, it only tells nothing.
        var onlySide: Bool?
        var threshold: SignalMapping.Threshold?
        var scale: Double
        var offset: Double
    }
    /// A written word and what it means.
    struct Word: Sendable {
        /// Its first eight bytes, as one number.
        var head: UInt64
        var count: Int
        /// The whole text, where it is longer.
        var text: Int
        var value: WrittenValue
        var bits: UInt64
        var isKnown: Bool
    }
    private(set) var steps: [Step] = []
    private(set) var sources: [Source] = []
    private(set) var words: [Word] = []
    /// The author's own codes.
    private(set) var codes: Range<Int>
    /// The standard's, where the profile follows it.
    private(set) var standardCodes: Range<Int>
    /// The author's codes are a flag's one side ("true: 90"): its other side is no code.
    private(set) var codesOnlySide: Bool?
    private(set) var active: Range<Int>
    private var texts: [[UInt8]] = []

    init(_ signals: [SignalMapping], _ codesMapping: CodesMapping?) {
        (codes, standardCodes, active) = (0..<0, 0..<0, 0..<0)
        for mapping in signals {
            let first = sources.count
            for source in mapping.sources {
                let firstWord = words.count
                for (written, bits) in source.map { add(written, bits) }
                sources.append(
                    Source(
                        field: source.field, words: firstWord..<words.count,
                        onlySide: onlySide(of: firstWord..<words.count),
                        threshold: source.threshold, scale: source.scale, offset: source.offset))
            }
            let kind: Kind =
                switch mapping.signal.type {
                case .boolean: .boolean
                case .number: .number
                default: .named
                }
            steps.append(Step(signal: mapping.signal.rawValue, kind: kind, sources: first..<sources.count))
        }
        let firstCode = words.count
        for (written, bit) in codesMapping?.map ?? [] { add(written, bit) }
        codes = firstCode..<words.count
        codesOnlySide = onlySide(of: codes)
        if codesMapping?.followsStandard == true {
            for code in FaultCode.allCases {
                add(Array(code.rawValue.utf8), code.bit)
                // A code written as a number has no leading zero.
                if code.rawValue.hasPrefix("0") { add(Array(code.rawValue.dropFirst().utf8), code.bit) }
            }
        }
        standardCodes = codes.upperBound..<words.count
        for (written, bits) in codesMapping?.active?.map ?? [] { add(written, bits) }
        active = standardCodes.upperBound..<words.count
    }

    private func onlySide(of range: Range<Int>) -> Bool? {
        guard let side = range.first.flatMap({ words[$0].value.flag }) else { return nil }
        return range.allSatisfy { words[$0].value.flag == side } ? side : nil
    }

    private mutating func add(_ written: [UInt8], _ bits: UInt64?) {
        texts.append(written)
        words.append(
            Word(
                head: Self.head(written.span, 0, written.count), count: written.count, text: texts.count - 1,
                value: WrittenValue(key: written), bits: bits ?? 0, isKnown: bits != nil))
    }

    private static func head(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> UInt64 {
        var head: UInt64 = 0
        for i in start..<min(end, start + 8) { head = head << 8 | UInt64(bytes[i]) }
        return head
    }

    /// The word that a value is: as it is written, else as it is meant.
    /// - Parameter mayBeFlag: 1 and true, 0 and false are one value.
    func word(
        _ kind: JSONToken.Kind, _ bytes: Span<UInt8>, _ start: Int, _ end: Int, among range: Range<Int>,
        mayBeFlag: Bool = true
    ) -> Int? {
        if range.isEmpty { return nil }
        let head = Self.head(bytes, start, end)
        for i in range where words[i].head == head && words[i].count == end - start {
            if end - start <= 8 || isSame(texts[words[i].text], bytes, start) { return i }
        }
        let value = WrittenValue(kind, bytes, start, end)
        if case .text = value { return nil }
        for i in range where words[i].value == value { return i }
        guard mayBeFlag, let twin = value.twin else { return nil }
        for i in range where words[i].value == twin { return i }
        return nil
    }

    private func isSame(_ text: [UInt8], _ bytes: Span<UInt8>, _ start: Int) -> Bool {
        for i in text.indices where bytes[start + i] != text[i] { return false }
        return true
    }
}
