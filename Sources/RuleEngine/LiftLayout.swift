/// Where everything stands in a lift's memory of 64-bit words.
@usableFromInline
struct LiftLayout: Sendable, Equatable {
    // Computed: another module would have to call for a stored constant.
    @inlinable static var time: Int { 0 }
    @inlinable static var lastSignOfLife: Int { 1 }
    @inlinable static var flags: Int { 2 }
    @inlinable static var known: Int { 3 }
    @inlinable static var deadline: Int { 4 }
    /// Change points for which a ring had no room.
    static let overflows = 5
    @inlinable static var signals: Int { 6 }

    /// 64 nodes a word: which are surely true, and which possibly.
    let surely: Int
    let possibly: Int
    let planeSize: Int
    let timers: Int
    let timerCount: Int
    let slots: Int
    let rules: Int
    let size: Int

    /// - Parameter alertStates: the number of words of all rules' alert states.
    init(signals: Int, nodes: Int, timers timerCount: Int, slots slotCount: Int, alertStates: Int) {
        planeSize = (nodes + 63) / 64
        surely = Self.signals + signals
        possibly = surely + planeSize
        timers = possibly + planeSize
        self.timerCount = timerCount
        slots = timers + timerCount
        rules = slots + slotCount
        size = rules + alertStates
    }
}
