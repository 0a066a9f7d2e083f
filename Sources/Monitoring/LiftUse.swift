import LiftModel
import RuleEngine

/// How much a lift has been used, counted from its messages: runs, door cycles, running time
/// (statistics of GB/T 24476-2017 clause 10) and the distance in floors, as no message gives
/// metres.
///
/// A message that is so late that it causes a replay is not counted: this is an estimate for
/// maintenance, not a meter.
public struct LiftUse: Sendable, Equatable {
    public var runs = 0
    public var doorCycles = 0
    public var runningMilliseconds = 0
    public var floors = 0

    init() {}
    init(_ all: [Int]) {
        (runs, doorCycles, runningMilliseconds, floors) = (all[0], all[1], all[2], all[3])
    }
    var all: [Int] { [runs, doorCycles, runningMilliseconds, floors] }

    /// The values that are counted; nil: unknown.
    struct Moment {
        var time: Int64
        var isMoving: Bool?
        var isLocked: Bool?
        var floor: Double?

        init(_ memory: borrowing LiftMemory) {
            let known = memory.known
            func bits(_ signal: Signal) -> UInt64? {
                known & 1 << UInt64(signal.rawValue) == 0 ? nil : memory.signal(signal.rawValue)
            }
            time = memory.time
            isMoving = bits(.moving).map { $0 != 0 }
            isLocked = bits(.frontLocked).map { $0 != 0 }
            floor = bits(.floor).map { Double(bitPattern: $0) }
        }
    }

    mutating func count(from before: Moment, to after: Moment) {
        if before.isMoving == true {
            // A long silence is not counted as a run.
            runningMilliseconds += Int(
                min(max(0, after.time - before.time), 60_000_000_000) / 1_000_000)
        }
        if before.isMoving == false, after.isMoving == true { runs += 1 }
        if before.isLocked == false, after.isLocked == true { doorCycles += 1 }
        if let from = before.floor, let to = after.floor, abs(to - from) < 1000 {
            floors += Int(abs(to - from))
        }
    }
}
