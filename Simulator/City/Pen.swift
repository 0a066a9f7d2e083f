import Elevator

/// Writes the words of one lift in its dialect. A state that says nothing new is the last one with another time and number.
struct Pen {
    let topics: [[UInt8]]
    private let identity: [UInt8]
    private let dialect: Dialect
    private let vendorCodes: [[UInt8]]
    /// Metres per second.
    private let ratedSpeed: Double
    /// The last state as written, its edition, and where its time and its number stand in it.
    private var state: [UInt8] = []
    private var edition = -1
    private var timeAt: Int?
    private var timeZone = 0
    private var day: Int64 = 0
    private var sequenceAt = 0
    private var digits = 0

    init(_ dialect: Dialect, lift: String, ratedSpeed: Double, vendorCodes: [String]) {
        self.dialect = dialect
        self.ratedSpeed = ratedSpeed
        self.vendorCodes = vendorCodes.map { Array("\"\($0)\"".utf8) }
        identity = Array("\"\(lift)\"".utf8)
        topics = [Dialect.Channel.state, .event, .online].map { dialect.form($0)?.topic(lift: lift) ?? [] }
    }

    func speaks(_ channel: Dialect.Channel) -> Bool { dialect.form(channel) != nil }

    mutating func write(_ word: Word) -> [UInt8] {
        if case .rubbish(let piece) = word.matter { return Rubbish.pieces[piece] }
        guard case .state = word.matter, word.isHonest else {
            var bytes: [UInt8] = []
            write(word, into: &bytes)
            return bytes
        }
        if word.edition == edition, let timeAt, Self.digits(word.sequence) == digits {
            let time = word.clock + Int64(timeZone) * 1000
            if Self.dayNumber(time) == day {
                Self.patchClock(&state, timeAt, UInt32(time - day * 86_400_000))
            } else {
                Self.patch(&state, timeAt, time)
                day = Self.dayNumber(time)
            }
            var rest = word.sequence
            for place in (sequenceAt..<sequenceAt + digits).reversed() {
                state[place] = UInt8(ascii: "0") + UInt8(rest % 10)
                rest /= 10
            }
        } else {
            var fresh: [UInt8] = []
            swap(&fresh, &state)
            fresh.removeAll(keepingCapacity: true)
            timeAt = nil
            write(word, into: &fresh)
            swap(&fresh, &state)
            edition = word.edition
        }
        return state
    }

    private mutating func write(_ word: Word, into bytes: inout [UInt8]) {
        guard let form = dialect.form(word.channel) else { return }
        bytes.append(UInt8(ascii: "{"))
        var isFirst = true
        for group in form.groups.indices {
            let mark = bytes.count
            let isInner = !form.groups[group].key.isEmpty
            if isInner {
                if !isFirst { bytes.append(UInt8(ascii: ",")) }
                write(form.groups[group].key, into: &bytes)
            }
            let isSaid = write(form.groups[group].fields, isFirst: isInner || isFirst, word, into: &bytes)
            if isInner { if isSaid { bytes.append(UInt8(ascii: "}")) } else { bytes.removeSubrange(mark...) } }
            if isSaid { isFirst = false }
        }
        bytes.append(UInt8(ascii: "}"))
    }

    /// - Returns: whether there was anything to say.
    private mutating func write(
        _ fields: [(key: Dialect.Text, content: Dialect.Content)], isFirst: Bool, _ word: Word,
        into bytes: inout [UInt8]
    ) -> Bool {
        var count = 0
        for field in fields.indices {
            let mark = bytes.count
            if !isFirst || count > 0 { bytes.append(UInt8(ascii: ",")) }
            write(fields[field].key, into: &bytes)
            if write(fields[field].content, word, into: &bytes) { count += 1 } else { bytes.removeSubrange(mark...) }
        }
        return count > 0
    }

    /// - Returns: false where the lift has nothing to say here.
    private mutating func write(_ content: Dialect.Content, _ word: Word, into bytes: inout [UInt8]) -> Bool {
        func put(_ text: Dialect.Text) -> Bool {
            write(text, into: &bytes)
            return !text.isEmpty
        }
        switch content {
        case .identity: bytes.append(contentsOf: identity)
        case .sequence:
            if word.channel == .online { return false }
            if word.channel == .state, word.isHonest {
                sequenceAt = bytes.count
                digits = Self.digits(word.sequence)
            }
            Self.write(word.sequence, into: &bytes)
        case .time(let format, let zone):
            // The broker writes a last will when the device is gone: it knows no time.
            if word.channel == .online { return false }
            let time = word.clock + Int64(zone) * 1000
            if word.channel == .state, word.isHonest, format == .iso8601 {
                (timeAt, timeZone, day) = (bytes.count + 1, zone, Self.dayNumber(time))
            }
            switch format {
            case .iso8601:
                bytes.append(contentsOf: "\"2026-03-01T08:00:00.250".utf8)
                Self.patch(&bytes, bytes.count - 23, time)
                Self.writeZone(zone, into: &bytes)
                bytes.append(UInt8(ascii: "\""))
            case .epochMilliseconds: Self.write(Int(word.clock), into: &bytes)
            case .epochSeconds: Self.write(Int(word.clock / 1000), into: &bytes)
            }
        case .vendorCode:
            guard let code = word.panel.vendorCode else { return false }
            bytes.append(contentsOf: vendorCodes[code])
        case .isActive:
            guard case .event(_, let isActive) = word.matter else { return false }
            bytes.append(contentsOf: (isActive ? "true" : "false").utf8)
        case .code(let first):
            guard case .event(let code, _) = word.matter else { return false }
            return put(dialect.texts[first + code.bit.trailingZeroBitCount])
        case .codeSet(let first):
            bytes.append(UInt8(ascii: "["))
            var rest = word.panel.codes
            while rest != 0 {
                write(dialect.texts[first + rest.trailingZeroBitCount], into: &bytes)
                rest &= rest - 1
                if rest != 0 { bytes.append(UInt8(ascii: ",")) }
            }
            bytes.append(UInt8(ascii: "]"))
        case .mode(let first):
            guard let mode = word.panel.mode, let place = Self.modes.firstIndex(of: mode) else { return false }
            return put(dialect.texts[first + place])
        case .direction(let none, let up, let down):
            return put(word.panel.direction > 0 ? up : word.panel.direction < 0 ? down : none)
        case .flag(let signal, let whenTrue, let whenFalse):
            return Self.flag(signal, word).map { put($0 ? whenTrue : whenFalse) } ?? false
        case .number(let signal, let scale, let offset):
            guard let number = number(signal, word.panel) else { return false }
            Self.write(hundredths: Int(((number - offset) / scale * 100).rounded()), into: &bytes)
        }
        return true
    }

    private static let modes = ServiceMode.allCases

    private func write(_ text: Dialect.Text, into bytes: inout [UInt8]) {
        bytes.append(contentsOf: dialect.letters[Int(text.start)..<Int(text.end)])
    }

    private static func flag(_ signal: Signal, _ word: Word) -> Bool? {
        switch signal {
        case .moving: return word.panel.isMoving
        case .inDoorZone: return word.panel.isInDoorZone
        case .frontLocked: return word.panel.isLocked
        case .frontFullyOpen: return word.panel.isFullyOpen
        case .occupied: return word.panel.isOccupied
        case .online: if case .online(let isOnline) = word.matter { return isOnline } else { return nil }
        default: return nil
        }
    }

    private func number(_ signal: Signal, _ panel: Panel) -> Double? {
        switch signal {
        case .floor: Double(panel.floor)
        case .load: panel.load.map(Double.init)
        case .speed: Double(panel.speed) / 100
        case .ratedSpeed: ratedSpeed
        default: nil
        }
    }

    // MARK: Digits

    private static func digits(_ number: Int) -> Int {
        var (count, rest) = (1, number)
        while rest >= 10 {
            rest /= 10
            count += 1
        }
        return count
    }

    private static func write(_ number: Int, into bytes: inout [UInt8]) {
        if number < 0 { bytes.append(UInt8(ascii: "-")) }
        var power = 1
        let magnitude = abs(number)
        while magnitude / power >= 10 { power *= 10 }
        while power > 0 {
            bytes.append(UInt8(ascii: "0") + UInt8(magnitude / power % 10))
            power /= 10
        }
    }

    private static func write(hundredths: Int, into bytes: inout [UInt8]) {
        if hundredths < 0 { bytes.append(UInt8(ascii: "-")) }
        let magnitude = abs(hundredths)
        write(magnitude / 100, into: &bytes)
        let fraction = magnitude % 100
        if fraction == 0 { return }
        bytes.append(UInt8(ascii: "."))
        bytes.append(UInt8(ascii: "0") + UInt8(fraction / 10))
        if fraction % 10 != 0 { bytes.append(UInt8(ascii: "0") + UInt8(fraction % 10)) }
    }

    private static func writeZone(_ seconds: Int, into bytes: inout [UInt8]) {
        if seconds == 0 { return bytes.append(UInt8(ascii: "Z")) }
        bytes.append(seconds < 0 ? UInt8(ascii: "-") : UInt8(ascii: "+"))
        let minutes = abs(seconds) / 60
        writeTwo(minutes / 60, into: &bytes)
        bytes.append(UInt8(ascii: ":"))
        writeTwo(minutes % 60, into: &bytes)
    }

    private static func writeTwo(_ number: Int, into bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "0") + UInt8(number / 10))
        bytes.append(UInt8(ascii: "0") + UInt8(number % 10))
    }

    /// Writes YYYY-MM-DDThh:mm:ss.mmm of a time in milliseconds since 1970 over 23 bytes.
    private static func patch(_ bytes: inout [UInt8], _ start: Int, _ time: Int64) {
        let day = dayNumber(time)
        // Days since 0000-03-01, in eras of 400 years (the proleptic Gregorian calendar).
        let shifted = day + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = Int(shifted - era * 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        let year = yearOfEra + Int(era) * 400 + (month <= 2 ? 1 : 0)
        put(UInt32(year), 4, &bytes, start)
        put(UInt32(month), 2, &bytes, start + 5)
        put(UInt32(dayOfYear - (153 * monthFromMarch + 2) / 5 + 1), 2, &bytes, start + 8)
        patchClock(&bytes, start, UInt32(time - day * 86_400_000))
    }

    private static func dayNumber(_ time: Int64) -> Int64 {
        time >= 0 ? time / 86_400_000 : (time - 86_399_999) / 86_400_000
    }

    /// - Parameter inDay: milliseconds since midnight.
    private static func patchClock(_ bytes: inout [UInt8], _ start: Int, _ inDay: UInt32) {
        put(inDay / 3_600_000, 2, &bytes, start + 11)
        put(inDay / 60_000 % 60, 2, &bytes, start + 14)
        put(inDay / 1000 % 60, 2, &bytes, start + 17)
        put(inDay % 1000, 3, &bytes, start + 20)
    }

    private static func put(_ value: UInt32, _ width: Int, _ bytes: inout [UInt8], _ place: Int) {
        var rest = value
        for offset in (0..<width).reversed() {
            bytes[place + offset] = UInt8(ascii: "0") + UInt8(rest % 10)
            rest /= 10
        }
    }
}
