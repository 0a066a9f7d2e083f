/// A binary min-heap; of equal keys the one pushed first comes first.
package struct Heap<Key: Comparable, Value> {
    private var items: [(key: Key, order: Int, value: Value)] = []
    private var pushed = 0

    package init() {}
    package var firstKey: Key? { items.first?.key }

    package mutating func push(_ key: Key, _ value: Value) {
        items.append((key, pushed, value))
        pushed += 1
        var child = items.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard isBefore(child, parent) else { break }
            items.swapAt(child, parent)
            child = parent
        }
    }

    package mutating func pop() -> (key: Key, value: Value)? {
        guard !items.isEmpty else { return nil }
        items.swapAt(0, items.count - 1)
        let top = items.removeLast()
        var parent = 0
        while true {
            var least = parent
            let left = 2 * parent + 1
            // A range, not an array: this loop is the city's innermost.
            for child in left..<max(left, min(left + 2, items.count)) where isBefore(child, least) {
                least = child
            }
            if least == parent { break }
            items.swapAt(parent, least)
            parent = least
        }
        return (top.key, top.value)
    }

    private func isBefore(_ a: Int, _ b: Int) -> Bool {
        (items[a].key, items[a].order) < (items[b].key, items[b].order)
    }
}
