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
        var bits: UInt64
        var isKnown: Bool
    }
    private(set) var steps: [Step] = []
    private(set) var sources: [Source] = []
    private(set) var words: [Word] = []
    private(set) var codes: Range<Int>
    private var texts: [[UInt8]] = []

    init(_ signals: [SignalMapping], _ codesMapping: CodesMapping?) {
        codes = 0..<0
        for mapping in signals {
            let first = sources.count
            for source in mapping.sources {
                let firstWord = words.count
                for (written, bits) in source.map { add(written, bits) }
                sources.append(
                    Source(
                        field: source.field, words: firstWord..<words.count, scale: source.scale,
                        offset: source.offset))
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
    }

    private mutating func add(_ written: [UInt8], _ bits: UInt64?) {
        texts.append(written)
        words.append(
            Word(
                head: Self.head(written.span, 0, written.count), count: written.count, text: texts.count - 1,
                bits: bits ?? 0, isKnown: bits != nil))
    }

    private static func head(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> UInt64 {
        var head: UInt64 = 0
        for i in start..<min(end, start + 8) { head = head << 8 | UInt64(bytes[i]) }
        return head
    }

    /// What a token's text means; nil when it is none of the words.
    func word(_ token: JSONToken, _ bytes: Span<UInt8>, among range: Range<Int>) -> Int? {
        if range.isEmpty { return nil }
        let count = token.end - token.start
        let head = Self.head(bytes, token.start, token.end)
        for i in range where words[i].head == head && words[i].count == count {
            if count <= 8 || isSame(texts[words[i].text], bytes, token.start) { return i }
        }
        return nil
    }

    private func isSame(_ text: [UInt8], _ bytes: Span<UInt8>, _ start: Int) -> Bool {
        for i in text.indices where bytes[start + i] != text[i] { return false }
        return true
    }
}
