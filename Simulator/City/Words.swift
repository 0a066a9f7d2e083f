/// A message a lift publishes.
struct Word {
    /// Seconds since the run's start.
    var time: Double
    /// Of the building.
    var lift: Int
    var channel: Dialect.Channel
    /// The row of the building's truth that could be known from this word on; -1 for none.
    var shows: Int
    /// The payload's place in `Words.bytes`.
    var start: Int
    var count: Int
}

/// What the lifts of a building have said and the network has not taken yet.
struct Words {
    var list: [Word] = []
    var bytes: [UInt8] = []

    mutating func removeAll() {
        list.removeAll(keepingCapacity: true)
        bytes.removeAll(keepingCapacity: true)
    }
}
