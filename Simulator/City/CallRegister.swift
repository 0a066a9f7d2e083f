/// The calls that one lift has to answer, and its direction: collective control. A bit a floor.
struct CallRegister {
    /// Floors that passengers in the car want.
    private var car: UInt64 = 0
    /// Hall calls that are assigned to the lift, upwards and downwards.
    private var up: UInt64 = 0
    private var down: UInt64 = 0
    /// 1 up, -1 down, 0 none.
    var heading = 0

    var count: Int { (car | up | down).nonzeroBitCount }

    private static func bit(_ floor: Int) -> UInt64 { 1 << UInt64(floor) }

    mutating func add(_ floor: Int, isUp: Bool) {
        if isUp { up |= Self.bit(floor) } else { down |= Self.bit(floor) }
    }
    mutating func addCarCall(_ floor: Int) { car |= Self.bit(floor) }
    mutating func answerCarCall(_ floor: Int) { car &= ~Self.bit(floor) }
    mutating func forgetHallCalls(_ floor: Int) {
        up &= ~Self.bit(floor)
        down &= ~Self.bit(floor)
    }

    /// It goes that way, or nowhere.
    func isHeading(up isUp: Bool) -> Bool { heading == 0 || (heading > 0) == isUp }

    /// It must turn for a hall call.
    func turnsBack(from here: Int, to floor: Int, isUp: Bool) -> Bool {
        heading != 0 && ((floor - here) * heading < 0 || (heading > 0) != isUp)
    }

    func isAnyAhead(of here: Int) -> Bool {
        let below = Self.bit(here) - 1
        let ahead = heading > 0 ? ~(below | Self.bit(here)) : below
        return (car | up | down) & ahead != 0
    }

    /// Collective control: on in the same direction while a call is ahead, then back.
    mutating func nextStop(from here: Int) -> Int? {
        let all = car | up | down
        guard all != 0 else { return nil }
        let below = Self.bit(here) - 1
        let above = ~(below | Self.bit(here))
        if all & Self.bit(here) != 0 { return here }
        if heading == 0 {
            // The nearest first.
            let (higher, lower) = (all & above, all & below)
            let upward = higher == 0 ? Int.max : higher.trailingZeroBitCount - here
            let downward = lower == 0 ? Int.max : here - (63 - lower.leadingZeroBitCount)
            heading = upward <= downward ? 1 : -1
        }
        for _ in 0..<2 {
            if heading > 0 {
                let ahead = (car | up) & above
                if ahead != 0 { return ahead.trailingZeroBitCount }
                let turning = down & above
                if turning != 0 { return 63 - turning.leadingZeroBitCount }
            } else {
                let ahead = (car | down) & below
                if ahead != 0 { return 63 - ahead.leadingZeroBitCount }
                let turning = up & below
                if turning != 0 { return turning.trailingZeroBitCount }
            }
            heading = -heading
        }
        return nil
    }
}
