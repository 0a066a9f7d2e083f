import Elevator

/// Writes the words of one lift in its dialect. A state is the last one with those values written anew that have changed.
struct Pen {
    let topics: [[UInt8]]
    private let identity: [UInt8]
    private let dialect: Dialect
    private let vendorCodes: [[UInt8]]
    /// Metres per second.
    private let ratedSpeed: Double
    /// The last state as written, what it shows, and where the value of each field stands in it; nowhere what is not said.
    private var state: [UInt8] = []
    private var panel = Panel()
    private var edition = -1
    private var places: [Range<Int>] = []
    /// The day that its date shows, since 1970; nil: it was not looked at.
    private var day: Int64?
    /// A value on its way into the state.
    private var value: [UInt8] = []

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
        guard case .state = word.matter, word.isHonest else { return whole(word).bytes }
        if !amend(word) {
            (state, places) = whole(word)
            day = nil
        }
        (panel, edition) = (word.panel, word.edition)
        return state
    }

    /// Writes into the last state what this one says otherwise.
    /// - Returns: false where a field comes or goes, and its key with it: the whole has to be written.
    private mutating func amend(_ word: Word) -> Bool {
        if places.isEmpty { return false }
        if word.edition != edition {
            for field in places.indices where Self.isChanged(dialect.spoken[field], panel, word.panel) {
                guard amend(field, word) else { return false }
            }
        }
        for field in dialect.ticking {
            switch dialect.spoken[field] {
            case .time(.iso8601, let zone): amendTime(places[field].lowerBound + 1, word.clock + Int64(zone) * 1000)
            case .sequence where overwrite(places[field], with: word.sequence): break
            default: guard amend(field, word) else { return false }
            }
        }
        return true
    }

    private mutating func amend(_ field: Int, _ word: Word) -> Bool {
        var fresh: [UInt8] = []
        swap(&fresh, &value)
        defer { swap(&fresh, &value) }
        fresh.removeAll(keepingCapacity: true)
        let place = places[field]
        guard write(dialect.spoken[field], word, into: &fresh), !place.isEmpty else { return false }
        state.replaceSubrange(place, with: fresh)
        let longer = fresh.count - place.count
        if longer != 0 {
            places[field] = place.lowerBound..<place.upperBound + longer
            for later in field + 1..<places.count {
                places[later] = places[later].lowerBound + longer..<places[later].upperBound + longer
            }
        }
        return true
    }

    /// - Returns: false where the number has fewer digits, or more.
    private mutating func overwrite(_ place: Range<Int>, with number: Int) -> Bool {
        var text = state.mutableSpan
        var rest = number.magnitude
        for digit in place.reversed() {
            text[digit] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
        return rest == 0 && !place.isEmpty && (place.count == 1 || text[place.lowerBound] != UInt8(ascii: "0"))
    }

    private mutating func amendTime(_ start: Int, _ time: Int64) {
        if let day, 0..<86_400_000 ~= time - day * 86_400_000 {
            var text = state.mutableSpan
            Self.patchClock(&text, start, UInt32(time - day * 86_400_000))
        } else {
            Self.patch(&state, start, time)
            day = Self.dayNumber(time)
        }
    }

    private static func isChanged(_ content: Dialect.Content, _ last: Panel, _ now: Panel) -> Bool {
        switch content {
        case _ where now.blindness != last.blindness: true
        case .mode: now.mode != last.mode
        case .direction: now.direction != last.direction
        case .codeSet: now.codes != last.codes
        case .vendorCode: now.vendorCode != last.vendorCode
        case .flag(let signal, _, _): now.flag(signal) != last.flag(signal)
        case .number(let signal, _, _): now.number(signal) != last.number(signal)
        case .identity, .isActive, .code, .sequence, .time: false
        }
    }

    /// - Returns: the word, and where the value of each field stands in it.
    private func whole(_ word: Word) -> (bytes: [UInt8], places: [Range<Int>]) {
        guard let form = dialect.form(word.channel) else { return ([], []) }
        var bytes = [UInt8(ascii: "{")]
        bytes.reserveCapacity(512)
        var places: [Range<Int>] = []
        var isFirst = true
        for group in form.groups {
            let (groupStart, isInner) = (bytes.count, !group.key.isEmpty)
            if isInner {
                if !isFirst { bytes.append(UInt8(ascii: ",")) }
                write(group.key, into: &bytes)
            }
            var isFirstInGroup = isInner || isFirst
            for field in group.fields {
                let start = bytes.count
                if !isFirstInGroup { bytes.append(UInt8(ascii: ",")) }
                write(field.key, into: &bytes)
                let value = bytes.count
                if write(field.content, word, into: &bytes) {
                    places.append(value..<bytes.count)
                    (isFirst, isFirstInGroup) = (false, false)
                } else {
                    bytes.removeSubrange(start...)
                    places.append(start..<start)
                }
            }
            guard isInner else { continue }
            if isFirstInGroup { bytes.removeSubrange(groupStart...) } else { bytes.append(UInt8(ascii: "}")) }
        }
        bytes.append(UInt8(ascii: "}"))
        return (bytes, places)
    }

    /// - Returns: false where the lift has nothing to say here.
    private func write(_ content: Dialect.Content, _ word: Word, into bytes: inout [UInt8]) -> Bool {
        func put(_ text: Dialect.Text) -> Bool {
            write(text, into: &bytes)
            return !text.isEmpty
        }
        switch content {
        case .identity: bytes.append(contentsOf: identity)
        case .sequence:
            if word.channel == .online { return false }
            Self.write(word.sequence, into: &bytes)
        case .time(let format, let zone):
            // The broker writes a last will when the device is gone: it knows no time.
            if word.channel == .online { return false }
            let time = word.clock + Int64(zone) * 1000
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
            guard let mode = word.panel.mode, let place = Self.modes.firstIndex(of: mode) else {
                return writeNull(word, &bytes)
            }
            return put(dialect.texts[first + place])
        case .direction(let none, let up, let down):
            return put(word.panel.direction > 0 ? up : word.panel.direction < 0 ? down : none)
        case .flag(let signal, let whenTrue, let whenFalse):
            var flag = word.panel.flag(signal)
            if signal == .online, case .online(let isOnline) = word.matter { flag = isOnline }
            return flag.map { put($0 ? whenTrue : whenFalse) } ?? writeNull(word, &bytes)
        case .number(let signal, let scale, let offset):
            guard let number = signal == .ratedSpeed ? ratedSpeed : word.panel.number(signal) else {
                return writeNull(word, &bytes)
            }
            Self.write(hundredths: Int(((number - offset) / scale * 100).rounded()), into: &bytes)
        }
        return true
    }

    /// An adapter that has just started has every field, and no value for it.
    private func writeNull(_ word: Word, _ bytes: inout [UInt8]) -> Bool {
        guard case .state = word.matter, word.panel.blindness == .adapterStarting else { return false }
        bytes.append(contentsOf: "null".utf8)
        return true
    }

    private static let modes = ServiceMode.allCases

    private func write(_ text: Dialect.Text, into bytes: inout [UInt8]) {
        bytes.append(contentsOf: dialect.letters[Int(text.start)..<Int(text.end)])
    }

    // MARK: Digits

    private static func write(_ number: Int, into bytes: inout [UInt8]) {
        if number < 0 { bytes.append(UInt8(ascii: "-")) }
        var rest = number.magnitude
        var digits = 1
        while rest >= 10 {
            rest /= 10
            digits += 1
        }
        bytes.append(contentsOf: repeatElement(0, count: digits))
        rest = number.magnitude
        for place in (bytes.count - digits..<bytes.count).reversed() {
            bytes[place] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
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
        var text = bytes.mutableSpan
        put(UInt32(year), 4, &text, start)
        put(UInt32(month), 2, &text, start + 5)
        put(UInt32(dayOfYear - (153 * monthFromMarch + 2) / 5 + 1), 2, &text, start + 8)
        patchClock(&text, start, UInt32(time - day * 86_400_000))
    }

    private static func dayNumber(_ time: Int64) -> Int64 {
        time >= 0 ? time / 86_400_000 : (time - 86_399_999) / 86_400_000
    }

    /// - Parameter inDay: milliseconds since midnight.
    private static func patchClock(_ text: inout MutableSpan<UInt8>, _ start: Int, _ inDay: UInt32) {
        put(inDay / 3_600_000, 2, &text, start + 11)
        put(inDay / 60_000 % 60, 2, &text, start + 14)
        put(inDay / 1000 % 60, 2, &text, start + 17)
        put(inDay % 1000, 3, &text, start + 20)
    }

    private static func put(_ value: UInt32, _ width: Int, _ text: inout MutableSpan<UInt8>, _ place: Int) {
        var rest = value
        for offset in (0..<width).reversed() {
            text[place + offset] = UInt8(ascii: "0") + UInt8(rest % 10)
            rest /= 10
        }
    }
}
