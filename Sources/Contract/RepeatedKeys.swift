/// Finds a key that one object of valid JSON has twice: parsers differ in which of the two counts.
///
/// A key with escapes counts as repeated, as it may equal another key.
/// - Returns: the first such key as it is written; nil where there is none.
func repeatedKey(in json: [UInt8]) -> String? {
    /// The keys of each object that is open; nil for an array.
    var open: [Set<ArraySlice<UInt8>>?] = []
    var expectsKey = false
    var index = 0
    while index < json.count {
        switch json[index] {
        case UInt8(ascii: "\""):
            let start = index + 1
            var hasEscapes = false
            index = start
            while index < json.count, json[index] != UInt8(ascii: "\"") {
                if json[index] == UInt8(ascii: "\\") {
                    hasEscapes = true
                    index += 1
                }
                index += 1
            }
            let key = json[min(start, json.count)..<min(index, json.count)]
            if expectsKey, let last = open.indices.last {
                let isNew = open[last]?.insert(key).inserted ?? true
                if !isNew || hasEscapes { return String(decoding: key, as: UTF8.self) }
                expectsKey = false
            }
        case UInt8(ascii: "{"):
            open.append([])
            expectsKey = true
        case UInt8(ascii: "["):
            open.append(nil)
            expectsKey = false
        case UInt8(ascii: "}"), UInt8(ascii: "]"):
            _ = open.popLast()
            expectsKey = false
        case UInt8(ascii: ","): expectsKey = open.last.map { $0 != nil } ?? false
        default: break
        }
        index += 1
    }
    return nil
}
