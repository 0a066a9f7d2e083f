import LiftModel

extension Reading {
    /// A signal's value as it is written in profiles: `true`, `7`, `inspection`, `unknown`,
    /// `04 90`.
    public func written(_ signal: Signal) -> String {
        let index = signal.rawValue
        if signal == .codes, codesRaised | codesEnded != 0 {
            return FaultCode.names(in: codesRaised).map { "+" + $0 }.joined(separator: " ")
                + FaultCode.names(in: codesEnded).map { "-" + $0 }.joined(separator: " ")
        }
        guard known & (1 << UInt64(index)) != 0 else { return "unknown" }
        switch signal.type {
        case .boolean: return bits(index) == 1 ? "true" : "false"
        case .number:
            let number = Double(bitPattern: bits(index))
            return number == number.rounded() && abs(number) < 1e15
                ? String(Int(number)) : String(number)
        case .enumeration(let names): return names[Int(bits(index))]
        case .codes:
            return bits(index) == 0
                ? "none" : FaultCode.names(in: bits(index)).joined(separator: " ")
        }
    }
}
