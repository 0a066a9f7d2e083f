import Elevator
import Encoding

/// What a controller's adapter can see and publish: `Devices/profiles/gbt24476-json.yaml`, written from its documentation.
struct Panel {
    enum Occupancy: String {
        case truthful, missing
        case stuckTrue = "stuck_true"
        case stuckFalse = "stuck_false"
    }
    let lift: String
    let occupancy: Occupancy
    let hasOpenLimit: Bool
    let hasLoadCell: Bool
    let ratedSpeed: Double
    let ratedLoad = 1000.0
    /// The device's clock is off by this many seconds.
    let clockOffset: Double

    var mode = 1
    var direction = 0
    var speed = 0.0
    var codes: [String] = []
    var vendorCode: String?
    var isSensedOccupied = false
    var sequence = 0

    init(lift: String, _ scenario: Scenario, _ random: inout Random) {
        self.lift = lift
        let draw = random.uniform()
        occupancy =
            draw < scenario.occupancyMissing
            ? .missing
            : draw < scenario.occupancyMissing + scenario.occupancyStuck
                ? (random.chance(0.5) ? .stuckTrue : .stuckFalse) : .truthful
        hasOpenLimit = !random.chance(scenario.openLimitMissing)
        hasLoadCell = !random.chance(scenario.loadMissing)
        ratedSpeed = [1.0, 1.5, 1.75, 2.0, 2.5][random.integer(0...4)]
        let offsets = [-8 * 3600.0, 3600, -1_772_000_000, 37]
        clockOffset = random.chance(scenario.clockOffset) ? offsets[random.integer(0...3)] : 0
    }

    /// The load cell can prove somebody.
    func seesLoad(_ car: Car) -> Bool { hasLoadCell && car.load / ratedLoad > 0.05 }

    mutating func state(_ car: Car, at time: Double) -> [UInt8] {
        sequence += 1
        var json = JSONWriter()
        json.object {
            $0.put("Identification_Number", lift)
            $0.put("Time_Stamps", DeviceTime.text(time + clockOffset))
            $0.put("Sequence", sequence)
            $0.put("Service_Mode", mode)
            $0.put("Car_Status", car.isMoving ? 1 : 0)
            $0.put("Car_Direction", direction)
            $0.put("Door_Zone", car.isInDoorZone)
            $0.put("Car_Position", car.floor)
            $0.put("Door_Status", car.doorGap == 0)
            if hasOpenLimit { $0.put("Door_Open_Limit", car.doorGap >= 1) }
            switch occupancy {
            case .truthful: $0.put("Passenger_Status", isSensedOccupied)
            case .stuckTrue: $0.put("Passenger_Status", true)
            case .stuckFalse: $0.put("Passenger_Status", false)
            case .missing: break
            }
            if hasLoadCell { $0.put("Car_Load", (car.load / ratedLoad * 100).rounded()) }
            $0.put("Car_Speed", speed.rounded(toDecimals: 2))
            $0.put("Rated_Speed", ratedSpeed)
            $0.array("Message_Code") { for code in codes { $0.item(code) } }
            $0.put("Vendor_Code", vendorCode)
        }
        return json.bytes
    }

    mutating func event(_ code: String, isActive: Bool, at time: Double) -> [UInt8] {
        sequence += 1
        var json = JSONWriter()
        json.object {
            $0.put("Identification_Number", lift)
            $0.put("Time_Stamps", DeviceTime.text(time + clockOffset))
            $0.put("Sequence", sequence)
            $0.put("Message_Code", code)
            $0.put("Active", isActive)
        }
        return json.bytes
    }
}

/// RFC 3339 with milliseconds in Beijing time.
enum DeviceTime {
    static func text(_ seconds: Double) -> String {
        let shifted = Instant(seconds: seconds.rounded(toDecimals: 3) + 8 * 3600).rfc3339
        return shifted.dropLast() + "+08:00"
    }
}
