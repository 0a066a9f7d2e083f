/// Faults, events and alarms of GB/T 24476-2017 clause 11 (Message_Code of a traction lift).
///
/// None of them means "entrapment": the rules derive it. A profile maps a controller's own code to
/// one of these, and the alert carries the controller's code unchanged as well.
public enum FaultCode: String, CaseIterable, Sendable {
    case safetyCircuitOpen = "01"
    case doorCloseFault = "02"
    case doorOpenFault = "03"
    case stoppedOutsideUnlockingZone = "04"
    case unintendedMovement = "05"
    case motorRunTimeLimiter = "06"
    case floorPositionLost = "07"
    case restartPrevented = "08"
    case automaticOperationRestored = "40"
    case mainPowerLost = "41"
    case outOfService = "42"
    case inspectionEntered = "43"
    case fireRecallEntered = "44"
    case firefighterOperation = "45"
    case emergencyPowerOperation = "46"
    case earthquakeMode = "47"
    case carAlarmButton = "90"

    /// The code's bit in a set of codes.
    public var bit: UInt64 {
        switch self {
        case .safetyCircuitOpen: 1 << 1
        case .doorCloseFault: 1 << 2
        case .doorOpenFault: 1 << 3
        case .stoppedOutsideUnlockingZone: 1 << 4
        case .unintendedMovement: 1 << 5
        case .motorRunTimeLimiter: 1 << 6
        case .floorPositionLost: 1 << 7
        case .restartPrevented: 1 << 8
        case .automaticOperationRestored: 1 << 40
        case .mainPowerLost: 1 << 41
        case .outOfService: 1 << 42
        case .inspectionEntered: 1 << 43
        case .fireRecallEntered: 1 << 44
        case .firefighterOperation: 1 << 45
        case .emergencyPowerOperation: 1 << 46
        case .earthquakeMode: 1 << 47
        case .carAlarmButton: 1 << 63
        }
    }

    /// The codes of a set, in the standard's order.
    public static func names(in set: UInt64) -> [String] {
        allCases.filter { set & $0.bit != 0 }.map(\.rawValue)
    }
}
