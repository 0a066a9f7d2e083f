/// A lift as the building's register names it. Identifiers are opaque strings: cities differ in form and length.
public struct Lift: Hashable, Sendable {
    /// The name in topics and messages; by default the registration code.
    public var id: String
    /// 注册代码, 20 digits in most cities.
    public var registrationCode: String?
    /// 救援识别码 on the plate in the car, 6 digits in many cities.
    public var rescueCode: String?
    /// Where it stands, for a person: "Tower B, left".
    public var place: String?
    public var equipmentClass: EquipmentClass
    /// Metres per second.
    public var ratedSpeed: Double?
    /// The lowest and the highest floor served, as the controller counts them.
    public var floors: ClosedRange<Int>?

    public init(
        id: String, registrationCode: String? = nil, rescueCode: String? = nil, place: String? = nil,
        equipmentClass: EquipmentClass = .traction, ratedSpeed: Double? = nil, floors: ClosedRange<Int>? = nil
    ) {
        self.floors = floors
        self.id = id
        self.registrationCode = registrationCode
        self.rescueCode = rescueCode
        self.place = place
        self.equipmentClass = equipmentClass
        self.ratedSpeed = ratedSpeed
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
}
