/// A named quantity of a lift. Profiles give it values, and rules read them.
///
/// Names follow GB/T 24476-2017 clause 9 where it has a term. There is one signal for each side of
/// the doors and each deck's compartment, so that `any(doors.fully_open)` and
/// `any(compartments.occupied)` fit cars with two door sides and double-deck cars.
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
    /// The open-limit switch of the door. GB/T 24476 has no such item; without the switch, whether
    /// an unlocked door is fully open is *unknown*.
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
    /// An occupant asks for the door to open.
    case doorOpenDemand
    /// Message_Code: the set of active codes (`FaultCode`).
    case codes
    /// The controller's connection to the broker, by its last will.
    case online
    /// The lift has a maintenance window (`hoistway maintenance`). No message of a lift can set it.
    case maintenance
    /// Another lift of the site has reported that its mains are lost, or that it runs on emergency
    /// power. The gateway sets it on all other lifts of the site.
    case sitePowerLost
    /// A person has reported that rescuers are at the lift.
    case rescuersArrived
    /// How often the controller has started: after a birth message, or where its sequence number
    /// begins again.
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

    /// Whether the signal becomes unknown when the lift sends nothing for long. Attributes, the
    /// connection and the gateway's own signals do not.
    public var goesStale: Bool {
        switch self {
        case .ratedSpeed, .topFloor, .bottomFloor, .online, .maintenance, .sitePowerLost,
            .rescuersArrived,
            .controllerStarts:
            false
        default: true
        }
    }

    /// The register gives its value where no message does.
    public var isAttribute: Bool {
        self == .ratedSpeed || self == .topFloor || self == .bottomFloor
    }

    /// Bit *i*: signal *i* is an attribute of the lift.
    public static let attributes: UInt64 = allCases.filter(\.isAttribute).reduce(0) {
        $0 | 1 << UInt64($1.rawValue)
    }

    /// The gateway sets it, and no message can: from an operator action, from other lifts of the
    /// site, or from what it has counted.
    public var isFromGateway: Bool {
        switch self {
        case .maintenance, .sitePowerLost, .rescuersArrived, .controllerStarts: true
        default: false
        }
    }
    /// A rule for one lift may set it on all others of the site (`tells_site`).
    public var isFromSite: Bool { self == .sitePowerLost }
    /// Bit *i*: signal *i* is the gateway's own.
    public static let fromGateway: UInt64 = allCases.filter(\.isFromGateway).reduce(0) {
        $0 | 1 << UInt64($1.rawValue)
    }

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

/// 当前服务模式, GB/T 24476-2017 Service_Mode 0 to 6. With its value 7, "unknown", the signal is
/// unknown.
public enum ServiceMode: String, CaseIterable, Sendable {
    case stopService = "stop_service"
    case normal
    case inspection
    case fireRecall = "fire_recall"
    case firefighter
    case emergencyPower = "emergency_power"
    case earthquake
}
