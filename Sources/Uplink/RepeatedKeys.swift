/// A key that stands twice in one object of valid JSON: readers differ in which of the two counts.
///
/// A key written with escapes is taken for repeated, as it may be another one in disguise.
/// - Returns: the first such key as it is written; nil where there is none.
func repeatedKey(in json: [UInt8]) -> String? {
    /// The keys of each object that is open; nil for an array.
    var open: [Set<ArraySlice<UInt8>>?] = []
    var expectsKey = false
    var place = 0
    while place < json.count {
        switch json[place] {
        case UInt8(ascii: "\""):
            let start = place + 1
            var hasEscapes = false
            place = start
            while place < json.count, json[place] != UInt8(ascii: "\"") {
                if json[place] == UInt8(ascii: "\\") {
                    hasEscapes = true
                    place += 1
                }
                place += 1
            }
            let key = json[min(start, json.count)..<min(place, json.count)]
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
        place += 1
    }
    return nil
}
