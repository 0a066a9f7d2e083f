/// What a lift can say about itself: the vocabulary that profiles produce and rules read.
///
/// Names follow GB/T 24476-2017 clause 9 where it has a word for the thing. Doors come by side and compartments by deck,
/// so that `any(doors.fully_open)` and `any(compartments.occupied)` hold for double-deck cars and cars with two door sides.
public enum Signal: Int, CaseIterable, Sendable {
    /// 当前服务模式 Service_Mode.
    case mode
    /// 轿厢运行状态 Car_Status: the car is running.
    case moving
    /// 轿厢运行方向 Car_Direction.
    case direction
    /// 门区 Door_Zone: the car is within the unlocking zone of a landing.
    case inDoorZone
    /// 当前楼层 Car_Position: the physical floor index.
    case floor
    /// 关门到位 Door_Status: car and landing door closed and locked.
    case frontLocked
    /// The open-limit switch of the door. National items have no such word; where it is absent, an unlocked door is *unknown*.
    case frontFullyOpen
    case rearLocked
    case rearFullyOpen
    /// 轿内是否有人 Passenger_Status of the (upper) compartment.
    case occupied
    case lowerOccupied
    /// Load of the (upper) compartment, per cent of the rated load.
    case load
    case lowerLoad
    /// Car speed in metres per second, without sign.
    case speed
    /// Rated speed in metres per second: an attribute of the lift, which never goes stale.
    case ratedSpeed
    /// The highest and the lowest floor served, as `floor` counts them: attributes of the lift.
    case topFloor
    case bottomFloor
    /// A thermal contact of machine or drive has opened.
    case overheated
    /// Somebody in the car asks for the door to open.
    case doorOpenDemand
    /// Message_Code: the set of active codes (`FaultCode`).
    case codes
    /// The controller's connection to the broker, by its last will.
    case online
    /// A person has announced work on the lift (`hoistway maintenance`). No message of a lift can say so.
    case maintenance
    /// A lift of the site has said that its mains are lost, or that it runs on emergency power. The gateway tells it to all others.
    case sitePowerLost
    /// Rescuers have arrived at an open incident of the lift: a person at the centre has said so.
    case rescuersArrived
    /// How often the controller has been seen to start: by a birth message, or because it counts its messages from the beginning again.
    case controllerStarts

    public var name: String {
        switch self {
        case .mode: "mode"
        case .moving: "moving"
        case .direction: "direction"
        case .inDoorZone: "in_door_zone"
        case .floor: "floor"
        case .frontLocked: "doors.front.locked"
        case .frontFullyOpen: "doors.front.fully_open"
        case .rearLocked: "doors.rear.locked"
        case .rearFullyOpen: "doors.rear.fully_open"
        case .occupied: "compartments.main.occupied"
        case .lowerOccupied: "compartments.lower.occupied"
        case .load: "compartments.main.load"
        case .lowerLoad: "compartments.lower.load"
        case .speed: "speed"
        case .ratedSpeed: "rated_speed"
        case .topFloor: "top_floor"
        case .bottomFloor: "bottom_floor"
        case .overheated: "machine.overheated"
        case .doorOpenDemand: "door_open_demand"
        case .codes: "codes"
        case .online: "online"
        case .maintenance: "maintenance"
        case .sitePowerLost: "site_power_lost"
        case .rescuersArrived: "rescuers_arrived"
        case .controllerStarts: "controller_starts"
        }
    }

    public var type: SignalType {
        switch self {
        case .mode: .enumeration(ServiceMode.allCases.map(\.rawValue))
        case .direction: .enumeration(["none", "up", "down"])
        case .floor, .topFloor, .bottomFloor, .controllerStarts: .number(unit: "")
        case .load, .lowerLoad: .number(unit: "%")
        case .speed, .ratedSpeed: .number(unit: "m/s")
        case .codes: .codes
        default: .boolean
        }
    }

    /// An attribute of the lift, a word about its connection, or what a person has announced does not go stale with the lift's own words.
    public var goesStale: Bool {
        switch self {
        case .ratedSpeed, .topFloor, .bottomFloor, .online, .maintenance, .sitePowerLost, .rescuersArrived,
            .controllerStarts:
            false
        default: true
        }
    }

    /// What the register says of the lift, where no message does.
    public var isAttribute: Bool { self == .ratedSpeed || self == .topFloor || self == .bottomFloor }

    /// Bit *i*: signal *i* is an attribute of the lift.
    public static let attributes: UInt64 = allCases.filter(\.isAttribute).reduce(0) { $0 | 1 << UInt64($1.rawValue) }

    /// What the gateway itself says of the lift: a person's word, what other lifts of the site have said, what it has seen. No message can.
    public var isFromGateway: Bool {
        switch self {
        case .maintenance, .sitePowerLost, .rescuersArrived, .controllerStarts: true
        default: false
        }
    }
    /// A rule may tell it of one lift to all others of the site (`tells_site`).
    public var isFromSite: Bool { self == .sitePowerLost }
    /// Bit *i*: signal *i* is the gateway's own.
    public static let fromGateway: UInt64 = allCases.filter(\.isFromGateway).reduce(0) { $0 | 1 << UInt64($1.rawValue) }

    public init?(name: some StringProtocol) {
        guard let found = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = found
    }
}

/// The type of a signal, as the rule language checks it.
public enum SignalType: Equatable, Sendable {
    case boolean
    /// A number with its unit, empty for a plain count.
    case number(unit: String)
    /// One of the names, stored as its index.
    case enumeration([String])
    /// A set of `FaultCode`s, stored as a bit mask.
    case codes
}

/// 当前服务模式, GB/T 24476-2017 Service_Mode 0 to 6. Its 7, "unknown", is no mode: the signal is then unknown.
public enum ServiceMode: String, CaseIterable, Sendable {
    case stopService = "stop_service"
    case normal
    case inspection
    case fireRecall = "fire_recall"
    case firefighter
    case emergencyPower = "emergency_power"
    case earthquake
}
