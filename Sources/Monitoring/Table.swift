/// The place of something in its table. Each table has a type of its own, so that a lift's place is
/// taken for no other number.
public protocol TableIndex: Strideable, Hashable, Sendable, ExpressibleByIntegerLiteral
where Stride == Int {
    var value: Int { get }
    init(_ value: Int)
}

extension TableIndex {
    @inlinable public init(integerLiteral value: Int) { self.init(value) }
    @inlinable public func distance(to other: Self) -> Int { other.value - value }
    @inlinable public func advanced(by distance: Int) -> Self { Self(value + distance) }
}

/// A lift's place in the detector.
public struct LiftIndex: TableIndex {
    public let value: Int
    @inlinable public init(_ value: Int) { self.value = value }
}

/// The place of a program, and of what belongs to it, in the detector.
public struct ProgramIndex: TableIndex {
    public let value: Int
    @inlinable public init(_ value: Int) { self.value = value }
}

/// An array that only its own kind of index subscripts.
///
/// It is public and inlined, so that other modules use it as they use an array.
public struct Table<Index: TableIndex, Element> {
    @usableFromInline var elements: [Element]

    @inlinable public init(_ elements: [Element] = []) { self.elements = elements }

    /// - Returns: the place of the new element.
    @discardableResult
    @inlinable public mutating func append(_ element: Element) -> Index {
        elements.append(element)
        return Index(elements.count - 1)
    }

    /// Appends elements until the table has this place.
    @inlinable public mutating func grow(
        toHold index: Index, _ element: @autoclosure () -> Element
    ) {
        while elements.count <= index.value { elements.append(element()) }
    }
}

extension Table: RandomAccessCollection, MutableCollection {
    public typealias Indices = Range<Index>

    @inlinable public var startIndex: Index { Index(0) }
    @inlinable public var endIndex: Index { Index(elements.count) }

    // An element is read and changed in its place: a lift's state is large.
    @inlinable public subscript(index: Index) -> Element {
        _read { yield elements[index.value] }
        _modify { yield &elements[index.value] }
    }
}

extension Table: Sendable where Element: Sendable {}
