import Journal
import LiftModel

extension Dispatch {
    package struct Settings: Sendable {
        package var centre: String
        /// The index of this route among the centre's routes; the first is 0.
        package var routeIndex: Int
        /// How long an event waits for its receipt before each later route sends it, too. A lane
        /// that is missing is never sent by a later route.
        package var fallbackAfter: [Lane: Duration]
        /// Events of the backlog a second.
        package var backlogRate: Double
        /// The time without a receipt after which an event is sent again.
        package var resendAfter = Duration.seconds(10)

        package init(
            centre: String, routeIndex: Int = 0,
            fallbackAfter: [Lane: Duration] = [.entrapment: .seconds(30)],
            backlogRate: Double = 500
        ) {
            self.centre = centre
            self.routeIndex = routeIndex
            self.fallbackAfter = fallbackAfter
            self.backlogRate = backlogRate
        }
    }

    package struct Transmission {
        package var row: Journal.OutboxRow
        /// 1 for the first copy since the gateway started.
        package var attempt: Int
    }
}
