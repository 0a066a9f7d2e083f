import Encoding
import LiftModel
import RuleEngine

extension LiftState {
    /// A sign of life has come: the values that are known now were true at this time.
    mutating func noteKnownValues(_ program: borrowing Program, at time: Int64) {
        lastKnown.note(memory, program.occupancy(memory), at: time)
    }
}

extension LastKnown {
    fileprivate mutating func note(
        _ memory: borrowing LiftMemory, _ occupancy: Occupancy, at time: Int64
    ) {
        let time = Instant(nanoseconds: time)
        if memory.isKnown(.floor) {
            floor = Item(
                value: Double(bitPattern: memory.signal(Signal.floor.rawValue)), time: time)
        }
        if memory.isKnown(.mode) {
            let index = Int(truncatingIfNeeded: memory.signal(Signal.mode.rawValue))
            if ServiceMode.allCases.indices.contains(index) {
                mode = Item(value: ServiceMode.allCases[index], time: time)
            }
        }
        if occupancy.verdict != .unknown {
            occupied = Item(value: occupancy.verdict == .yes, time: time)
        }
    }

    // MARK: In a snapshot

    func write(to writer: inout ByteWriter) {
        writer.write(floor != nil)
        if let floor {
            writer.write(floor.value.bitPattern)
            writer.write(floor.time.nanoseconds)
        }
        writer.write(mode != nil)
        if let mode {
            writer.write(mode.value.rawValue)
            writer.write(mode.time.nanoseconds)
        }
        writer.write(occupied != nil)
        if let occupied {
            writer.write(occupied.value)
            writer.write(occupied.time.nanoseconds)
        }
    }

    init(from reader: inout ByteReader) throws(MalformedBytes) {
        self.init()
        if try reader.readFlag() {
            let value = Double(bitPattern: try reader.read())
            floor = Item(value: value, time: Instant(nanoseconds: try reader.read()))
        }
        if try reader.readFlag() {
            guard let value = ServiceMode(rawValue: try reader.readText()) else {
                throw MalformedBytes(offset: reader.offset)
            }
            mode = Item(value: value, time: Instant(nanoseconds: try reader.read()))
        }
        if try reader.readFlag() {
            let value = try reader.readFlag()
            occupied = Item(value: value, time: Instant(nanoseconds: try reader.read()))
        }
    }
}
