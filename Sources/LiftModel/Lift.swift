/// A lift as the register names it. Identifiers are opaque strings: cities differ in their form and
/// length.
public struct Lift: Hashable, Sendable {
    /// The name in topics and messages; by default the registration code.
    public var id: String
    /// 注册代码, 20 digits in most cities.
    public var registrationCode: String?
    /// 救援识别码 on the plate in the car, 6 digits in many cities.
    public var rescueCode: String?
    /// Where the lift is, for a person: "Tower B, left".
    public var place: String?
    public var equipmentClass: EquipmentClass
    /// Metres per second.
    public var ratedSpeed: Double?
    /// How long the lift may run without a change of floor or zone, where the register has a value.
    public var runTimeLimit: Duration?
    /// The lowest and the highest floor served, as the controller counts them.
    public var floors: ClosedRange<Int>?

    public init(
        id: String, registrationCode: String? = nil, rescueCode: String? = nil,
        place: String? = nil,
        equipmentClass: EquipmentClass = .traction, ratedSpeed: Double? = nil,
        runTimeLimit: Duration? = nil, floors: ClosedRange<Int>? = nil
    ) {
        self.floors = floors
        self.id = id
        self.registrationCode = registrationCode
        self.rescueCode = rescueCode
        self.place = place
        self.equipmentClass = equipmentClass
        self.ratedSpeed = ratedSpeed
        self.runTimeLimit = runTimeLimit
    }
}

/// The kinds of equipment that the Chinese catalogue of special equipment registers as lifts.
public enum EquipmentClass: String, CaseIterable, Sendable, Codable {
    case traction
    case hydraulic
    case goods
    case bed
    case dumbwaiter
    case escalator
    case walk

    /// People ride in it behind doors.
    public var mayTrapPeople: Bool {
        switch self {
        case .traction, .hydraulic, .goods, .bed: true
        case .dumbwaiter, .escalator, .walk: false
        }
    }
}

extension Lift {
    /// The motor run-time limit of a lift that needs this time for its whole height: ten seconds
    /// more, at least 20 s and at most 45 s (EN 81-20 5.9.2.7.2).
    public static func runTimeLimit(travelTime: Duration) -> Duration {
        min(max(travelTime + .seconds(10), .seconds(20)), .seconds(45))
    }
}
