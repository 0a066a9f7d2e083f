import LiftModel

/// Encodes the reports of one lift in its dialect. A state is the previous one with its changed
/// values replaced.
struct MessageEncoder {
    let topics: [[UInt8]]
    private let identity: [UInt8]
    private let dialect: Dialect
    private let vendorCodes: [[UInt8]]
    /// Metres per second.
    private let ratedSpeed: Double
    /// The last encoded state, its panel, and the range of each field's value in it; empty for a
    /// field that is absent.
    private var state: [UInt8] = []
    private var panel = Panel()
    private var edition = -1
    private var valueRanges: [Range<Int>] = []
    /// The day of the encoded date, in days since 1970; nil: not known.
    private var day: Int64?
    /// A buffer for the value that is written next.
    private var value: [UInt8] = []

    init(_ dialect: Dialect, lift: String, ratedSpeed: Double, vendorCodes: [String]) {
        self.dialect = dialect
        self.ratedSpeed = ratedSpeed
        self.vendorCodes = vendorCodes.map { Array("\"\($0)\"".utf8) }
        identity = Array("\"\(lift)\"".utf8)
        topics = [Dialect.Channel.state, .event, .online].map {
            dialect.template($0)?.topic(lift: lift) ?? []
        }
    }

    func hasChannel(_ channel: Dialect.Channel) -> Bool { dialect.template(channel) != nil }

    mutating func encode(_ report: Report) -> [UInt8] {
        if case .rubbish(let piece) = report.kind { return Rubbish.pieces[piece] }
        guard case .state = report.kind, report.isGenuine else { return encodeWhole(report).bytes }
        if !amend(report) {
            (state, valueRanges) = encodeWhole(report)
            day = nil
        }
        (panel, edition) = (report.panel, report.edition)
        return state
    }

    /// Replaces in the last state the values that have changed.
    /// - Returns: false where a field with its key appears or disappears: encode the whole state.
    private mutating func amend(_ report: Report) -> Bool {
        if valueRanges.isEmpty { return false }
        if report.edition != edition {
            for field in valueRanges.indices
            where Self.isChanged(dialect.stateFields[field], panel, report.panel) {
                guard amend(field, report) else { return false }
            }
        }
        for field in dialect.volatileFields {
            switch dialect.stateFields[field] {
            case .time(.iso8601, let zone):
                amendTime(valueRanges[field].lowerBound + 1, report.clock + Int64(zone) * 1000)
            case .sequence where overwrite(valueRanges[field], with: report.sequence): break
            default: guard amend(field, report) else { return false }
            }
        }
        return true
    }

    private mutating func amend(_ field: Int, _ report: Report) -> Bool {
        var fresh: [UInt8] = []
        swap(&fresh, &value)
        defer { swap(&fresh, &value) }
        fresh.removeAll(keepingCapacity: true)
        let range = valueRanges[field]
        guard write(dialect.stateFields[field], report, into: &fresh), !range.isEmpty else {
            return false
        }
        state.replaceSubrange(range, with: fresh)
        let longer = fresh.count - range.count
        if longer != 0 {
            valueRanges[field] = range.lowerBound..<range.upperBound + longer
            for later in field + 1..<valueRanges.count {
                valueRanges[later] =
                    valueRanges[later].lowerBound + longer..<valueRanges[later].upperBound + longer
            }
        }
        return true
    }

    /// - Returns: false where the number of digits changes.
    private mutating func overwrite(_ range: Range<Int>, with number: Int) -> Bool {
        var text = state.mutableSpan
        var rest = number.magnitude
        for digit in range.reversed() {
            text[digit] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
        return rest == 0 && !range.isEmpty
            && (range.count == 1 || text[range.lowerBound] != UInt8(ascii: "0"))
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
        case _ where now.controllerLoss != last.controllerLoss: true
        case .mode: now.mode != last.mode
        case .direction: now.direction != last.direction
        case .codeSet: now.codes != last.codes
        case .vendorCode: now.vendorCode != last.vendorCode
        case .flag(let signal, _, _): now.flag(signal) != last.flag(signal)
        case .number(let signal, _, _): now.number(signal) != last.number(signal)
        case .identity, .isActive, .code, .sequence, .time: false
        }
    }

    /// - Returns: the message, and the range of each field's value in it.
    private func encodeWhole(_ report: Report) -> (bytes: [UInt8], valueRanges: [Range<Int>]) {
        guard let template = dialect.template(report.channel) else { return ([], []) }
        var bytes = [UInt8(ascii: "{")]
        bytes.reserveCapacity(512)
        var valueRanges: [Range<Int>] = []
        var isFirst = true
        for group in template.groups {
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
                if write(field.content, report, into: &bytes) {
                    valueRanges.append(value..<bytes.count)
                    (isFirst, isFirstInGroup) = (false, false)
                } else {
                    bytes.removeSubrange(start...)
                    valueRanges.append(start..<start)
                }
            }
            guard isInner else { continue }
            if isFirstInGroup {
                bytes.removeSubrange(groupStart...)
            } else {
                bytes.append(UInt8(ascii: "}"))
            }
        }
        bytes.append(UInt8(ascii: "}"))
        return (bytes, valueRanges)
    }

    /// - Returns: false where the lift has no value for the field.
    private func write(_ content: Dialect.Content, _ report: Report, into bytes: inout [UInt8])
        -> Bool
    {
        func put(_ text: Dialect.Text) -> Bool {
            write(text, into: &bytes)
            return !text.isEmpty
        }
        switch content {
        case .identity: bytes.append(contentsOf: identity)
        case .sequence:
            if report.channel == .online { return false }
            Self.write(report.sequence, into: &bytes)
        case .time(let format, let zone):
            // The broker publishes a last will after the device is gone: it has no device time.
            if report.channel == .online { return false }
            Self.write(report.clock, format, zone: zone, into: &bytes)
        case .vendorCode:
            guard let code = report.panel.vendorCode else { return false }
            bytes.append(contentsOf: vendorCodes[code])
        case .isActive:
            guard case .event(_, let isActive) = report.kind else { return false }
            bytes.append(contentsOf: (isActive ? "true" : "false").utf8)
        case .code(let first):
            guard case .event(let code, _) = report.kind else { return false }
            return put(dialect.texts[first + code.bit.trailingZeroBitCount])
        case .codeSet(let first):
            bytes.append(UInt8(ascii: "["))
            var rest = report.panel.codes
            while rest != 0 {
                write(dialect.texts[first + rest.trailingZeroBitCount], into: &bytes)
                rest &= rest - 1
                if rest != 0 { bytes.append(UInt8(ascii: ",")) }
            }
            bytes.append(UInt8(ascii: "]"))
        case .mode(let first):
            guard let mode = report.panel.mode, let index = Self.modes.firstIndex(of: mode) else {
                return writeNull(report, &bytes)
            }
            return put(dialect.texts[first + index])
        case .direction(let none, let up, let down):
            return put(report.panel.direction > 0 ? up : report.panel.direction < 0 ? down : none)
        case .flag(let signal, let whenTrue, let whenFalse):
            var flag = report.panel.flag(signal)
            if signal == .online, case .online(let isOnline) = report.kind { flag = isOnline }
            return flag.map { put($0 ? whenTrue : whenFalse) } ?? writeNull(report, &bytes)
        case .number(let signal, let scale, let offset):
            guard let number = signal == .ratedSpeed ? ratedSpeed : report.panel.number(signal)
            else {
                return writeNull(report, &bytes)
            }
            Self.write(hundredths: Int(((number - offset) / scale * 100).rounded()), into: &bytes)
        }
        return true
    }

    /// - Parameters:
    ///   - clock: milliseconds since 1970.
    ///   - zone: seconds east of UTC.
    private static func write(
        _ clock: Int64, _ format: Dialect.Format, zone: Int, into bytes: inout [UInt8]
    ) {
        switch format {
        case .iso8601:
            bytes.append(contentsOf: "\"2026-03-01T08:00:00.250".utf8)
            patch(&bytes, bytes.count - 23, clock + Int64(zone) * 1000)
            writeZone(zone, into: &bytes)
            bytes.append(UInt8(ascii: "\""))
        case .epochMilliseconds: write(Int(clock), into: &bytes)
        case .epochSeconds: write(Int(clock / 1000), into: &bytes)
        }
    }

    /// An adapter that has just started writes null in every field.
    private func writeNull(_ report: Report, _ bytes: inout [UInt8]) -> Bool {
        guard case .state = report.kind, report.panel.controllerLoss == .adapterStarting else {
            return false
        }
        bytes.append(contentsOf: "null".utf8)
        return true
    }

    private static let modes = ServiceMode.allCases

    private func write(_ text: Dialect.Text, into bytes: inout [UInt8]) {
        bytes.append(contentsOf: dialect.bytes[Int(text.start)..<Int(text.end)])
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
        for index in (bytes.count - digits..<bytes.count).reversed() {
            bytes[index] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
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
    private static func patchClock(_ text: inout MutableSpan<UInt8>, _ start: Int, _ inDay: UInt32)
    {
        put(inDay / 3_600_000, 2, &text, start + 11)
        put(inDay / 60_000 % 60, 2, &text, start + 14)
        put(inDay / 1000 % 60, 2, &text, start + 17)
        put(inDay % 1000, 3, &text, start + 20)
    }

    private static func put(
        _ value: UInt32, _ width: Int, _ text: inout MutableSpan<UInt8>, _ start: Int
    ) {
        var rest = value
        for offset in (0..<width).reversed() {
            text[start + offset] = UInt8(ascii: "0") + UInt8(rest % 10)
            rest /= 10
        }
    }
}
