import Encoding
import LiftModel

/// A lift's controller with its adapter: says what its car does, in the messages of the profile
/// gbt24476-json.
struct SimulatedLift {
    /// What the car does.
    enum Situation: CaseIterable {
        case idle
        case running
        /// Stands between two floors with a passenger.
        case trapped
        /// At a landing with open doors.
        case open
    }

    let id: String
    /// An adapter without a clock and without numbers: equal messages have equal bytes.
    let isPlain: Bool
    private(set) var situation = Situation.idle
    private(set) var isPressed = false
    private var sequence = 0
    private var floor = 1

    init(id: String, isPlain: Bool) {
        self.id = id
        self.isPlain = isPlain
    }

    var topic: String { "lifts/\(id)/state" }

    mutating func become(_ situation: Situation, _ random: inout SplitMix64) {
        if self.situation == .running { floor = 1 + Int(random.next() % 20) }
        self.situation = situation
        if situation != .trapped { isPressed = false }
    }

    /// The passenger presses the alarm button.
    mutating func press() { isPressed = situation == .trapped }

    /// - Parameter time: the adapter's clock.
    mutating func message(at time: Instant) -> String {
        sequence += 1
        let head =
            isPlain
            ? "" : "\"Time_Stamps\":\"\(time.rfc3339)\",\"Sequence\":\(sequence),"
        let isMoving = situation == .running
        let isOpen = situation == .open
        let hasPassenger = situation == .running || situation == .trapped
        let codes = isPressed ? "[\"90\"]" : "[]"
        return
            "{\(head)\"Service_Mode\":1,\"Car_Status\":\(isMoving ? 1 : 0),\"Car_Direction\":\(isMoving ? 1 : 0),\"Door_Zone\":\(situation == .idle || isOpen),\"Car_Position\":\(floor),\"Door_Status\":\(!isOpen),\"Door_Open_Limit\":\(isOpen),\"Passenger_Status\":\(hasPassenger),\"Message_Code\":\(codes)}"
    }
}
