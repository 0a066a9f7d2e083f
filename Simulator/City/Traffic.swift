/// The journeys of a building by the hour. Data: `Simulator/catalogue/buildings.yaml`.
package struct Traffic: Sendable {
    /// Journeys of a lift in a day, on average.
    package var journeysPerLiftDay: Double
    /// How much of a day's traffic falls on each hour, relative to the mean hour.
    package var hours: [Double]
    /// Shares of journeys from the entrance, to the entrance, and between floors, hour by hour.
    package var directions: [(incoming: Double, outgoing: Double, between: Double)]

    /// Parties per second for a group of lifts.
    func rate(hour: Int, lifts: Int) -> Double {
        journeysPerLiftDay * Double(lifts) * hours[hour] / 86_400
    }

    func journey(hour: Int, floors: Int, _ random: inout Random) -> (origin: Int, destination: Int)
    {
        let shares = directions[hour]
        let upper = { (random: inout Random) in random.integer(1...floors - 1) }
        switch random.pick([shares.incoming, shares.outgoing, floors > 2 ? shares.between : 0]) {
        case 0: return (0, upper(&random))
        case 1: return (upper(&random), 0)
        default:
            let origin = upper(&random)
            let destination = random.integer(1...floors - 2)
            return (origin, destination >= origin ? destination + 1 : destination)
        }
    }
}
