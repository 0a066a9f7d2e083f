import Elevator

/// Writes the words of lifts in a dialect. A word that says nothing new is the last one with another time and number.
struct Pen {
    let identity: [UInt8]
    private(set) var topics: [[UInt8]]
    private let dialect: Dialect
    private var sequence = 0
    /// The last state as written, and where its time and its number stand in it.
    private var written: [UInt8] = []
    private var panel: Panel?
    private var timeAt = 0
    private var timeZone = 0
    private var isTimeText = false
    private var sequenceAt = 0
    private var digits = 0

    /// Metres per second.
    private let ratedSpeed: Double

    init(_ dialect: Dialect, lift: String, ratedSpeed: Double) {
        self.dialect = dialect
        self.ratedSpeed = ratedSpeed
        identity = Array("\"\(lift)\"".utf8)
        topics = [Dialect.Channel.state, .event, .online].map { dialect.form($0)?.topic(lift: lift) ?? [] }
    }

    func speaks(_ channel: Dialect.Channel) -> Bool { dialect.form(channel) != nil }

    /// - Parameter time: milliseconds since 1970, as the device's clock has them.
    mutating func state(_ panel: Panel, at time: Int64, into bytes: inout [UInt8]) {
        sequence += 1
        if panel == self.panel, isTimeText, Self.digits(sequence) == digits {
            Self.patch(&written, timeAt, time + Int64(timeZone) * 1000)
            var rest = sequence
            for place in (sequenceAt..<sequenceAt + digits).reversed() {
                written[place] = UInt8(ascii: "0") + UInt8(rest % 10)
                rest /= 10
            }
        } else {
            var fresh: [UInt8] = []
            swap(&fresh, &written)
            fresh.removeAll(keepingCapacity: true)
            isTimeText = false
            write(.state, panel, at: time, code: nil, into: &fresh)
            swap(&fresh, &written)
            self.panel = panel
        }
        bytes.append(contentsOf: written)
    }

    mutating func event(_ code: FaultCode, isActive: Bool, _ panel: Panel, at time: Int64, into bytes: inout [UInt8]) {
        sequence += 1
        write(.event, panel, at: time, code: (code, isActive), into: &bytes)
    }

    mutating func online(_ isOnline: Bool, at time: Int64, into bytes: inout [UInt8]) {
        guard let form = dialect.form(.online) else { return }
        bytes.append(UInt8(ascii: "{"))
        var isFirst = true
        for (key, content) in form.fields {
            // The broker writes a last will when the device is gone: it knows no time.
            guard case .signal(_, let words, _, _) = content else { continue }
            if !isFirst { bytes.append(UInt8(ascii: ",")) }
            isFirst = false
            bytes += key
            bytes += words[isOnline ? "true" : "false"] ?? Array((isOnline ? "true" : "false").utf8)
        }
        bytes.append(UInt8(ascii: "}"))
    }

    private mutating func write(
        _ channel: Dialect.Channel, _ panel: Panel, at time: Int64, code: (FaultCode, Bool)?, into bytes: inout [UInt8]
    ) {
        guard let form = dialect.form(channel) else { return }
        bytes.append(UInt8(ascii: "{"))
        var isFirst = true
        for (key, content) in form.fields {
            let mark = bytes.count
            if !isFirst { bytes.append(UInt8(ascii: ",")) }
            bytes.append(contentsOf: key)
            if write(content, panel, at: time, code: code, into: &bytes) {
                isFirst = false
            } else {
                bytes.removeSubrange(mark...)
            }
        }
        bytes.append(UInt8(ascii: "}"))
    }

    /// - Returns: false where the lift has nothing to say here.
    private mutating func write(
        _ content: Dialect.Content, _ panel: Panel, at time: Int64, code: (FaultCode, Bool)?, into bytes: inout [UInt8]
    ) -> Bool {
        switch content {
        case .identity: bytes.append(contentsOf: identity)
        case .sequence:
            sequenceAt = bytes.count
            digits = Self.digits(sequence)
            Self.write(sequence, into: &bytes)
        case .time(.iso8601, let zone):
            bytes.append(UInt8(ascii: "\""))
            timeAt = bytes.count
            timeZone = zone
            isTimeText = true
            bytes.append(contentsOf: "2026-03-01T08:00:00.250".utf8)
            Self.patch(&bytes, timeAt, time + Int64(zone) * 1000)
            Self.writeZone(zone, into: &bytes)
            bytes.append(UInt8(ascii: "\""))
        case .time(.epochMilliseconds, _): Self.write(Int(time), into: &bytes)
        case .time(.epochSeconds, _): Self.write(Int(time / 1000), into: &bytes)
        case .vendorCode:
            if panel.vendorCode.isEmpty { return false }
            bytes.append(contentsOf: "\"\(panel.vendorCode)\"".utf8)
        case .isActive: bytes.append(contentsOf: (code?.1 == true ? "true" : "false").utf8)
        case .codes(let written, isSet: false): bytes += written[code?.0.bit ?? 0] ?? []
        case .codes(let written, isSet: true):
            bytes.append(UInt8(ascii: "["))
            var rest = panel.codes
            while rest != 0 {
                let bit = rest & (~rest &+ 1)
                bytes += written[bit] ?? []
                rest &= ~bit
                if rest != 0 { bytes.append(UInt8(ascii: ",")) }
            }
            bytes.append(UInt8(ascii: "]"))
        case .signal(let signal, let written, let scale, let offset):
            return write(signal, panel, written, scale, offset, into: &bytes)
        }
        return true
    }

    private func write(
        _ signal: Signal, _ panel: Panel, _ written: [String: [UInt8]], _ scale: Double, _ offset: Double,
        into bytes: inout [UInt8]
    ) -> Bool {
        func put(_ flag: Bool?) -> Bool {
            guard let flag else { return false }
            if written.isEmpty {
                bytes.append(contentsOf: (flag ? "true" : "false").utf8)
            } else {
                bytes += written[flag ? "true" : "false"] ?? []
            }
            return true
        }
        func put(_ number: Double?) -> Bool {
            guard let number else { return false }
            Self.write(hundredths: Int(((number - offset) / scale * 100).rounded()), into: &bytes)
            return true
        }
        func put(word: String) -> Bool {
            guard let text = written[word] else { return false }
            bytes += text
            return true
        }
        switch signal {
        case .mode: return panel.mode.map { put(word: $0.rawValue) } ?? false
        case .moving: return put(panel.isMoving)
        case .direction: return put(word: panel.direction > 0 ? "up" : panel.direction < 0 ? "down" : "none")
        case .inDoorZone: return put(panel.isInDoorZone)
        case .floor: return put(Double(panel.floor))
        case .frontLocked: return put(panel.isLocked)
        case .frontFullyOpen: return put(panel.isFullyOpen)
        case .occupied: return put(panel.isOccupied)
        case .load: return put(panel.load.map(Double.init))
        case .speed: return put(Double(panel.speed) / 100)
        case .ratedSpeed: return put(ratedSpeed)
        case .rearLocked, .rearFullyOpen, .lowerOccupied, .lowerLoad, .topFloor, .bottomFloor, .overheated,
            .doorOpenDemand, .codes, .online, .maintenance:
            return false
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
        let day = time >= 0 ? time / 86_400_000 : (time - 86_399_999) / 86_400_000
        let inDay = Int(time - day * 86_400_000)
        // Days since 0000-03-01, in eras of 400 years (the proleptic Gregorian calendar).
        let shifted = day + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = Int(shifted - era * 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        let year = yearOfEra + Int(era) * 400 + (month <= 2 ? 1 : 0)
        func put(_ place: Int, _ value: Int, _ width: Int) {
            var rest = value
            for offset in (0..<width).reversed() {
                bytes[start + place + offset] = UInt8(ascii: "0") + UInt8(rest % 10)
                rest /= 10
            }
        }
        put(0, year, 4)
        put(5, month, 2)
        put(8, dayOfYear - (153 * monthFromMarch + 2) / 5 + 1, 2)
        put(11, inDay / 3_600_000, 2)
        put(14, inDay / 60_000 % 60, 2)
        put(17, inDay / 1000 % 60, 2)
        put(20, inDay % 1000, 3)
    }
}
