import Detection
import Elevator
import Logging
import Mosquitto
import PositionedYAML
import Uplink

/// Starts every route to every centre, each on a thread of its own.
struct Routes {
    let configuration: Configuration
    let journalPath: String
    let signer: Signer?
    let board: UplinkBoard
    let orders: OrderBox
    let clock: GatewayClock
    let isEnding: @Sendable () -> Bool
    let log: Logger

    /// In the order in which `start` starts them.
    static func statuses(of centres: [Configuration.Centre]) -> [UplinkBoard.RouteStatus] {
        centres.flatMap { centre in
            centre.routes.enumerated().map { step, route in
                UplinkBoard.RouteStatus(centre: centre.name, name: "\(centre.name)/\(step + 1)", url: route.text)
            }
        }
    }

    /// - Throws: `InvalidFiles` when a secret's file cannot be read; nothing is started then.
    func start() throws(InvalidFiles) -> [LoopThread] {
        var starts: [() -> LoopThread] = []
        for centre in configuration.centres {
            for (step, route) in centre.routes.enumerated() {
                let settings = RouteSettings(
                    site: configuration.site, centre: centre.name, lanes: centre.lanes, step: step,
                    fallbackAfter: centre.fallbackAfter,
                    backlogRate: Double(centre.backlogRate), journalPath: journalPath, signer: signer)
                let surroundings = surroundings(of: centre.name, index: starts.count)
                switch route.address {
                case .mqtt(let url):
                    var id = "hoistway-\(configuration.site.id)-uplink"
                    // One client id a route: a broker that serves two of them lets only one in by a name.
                    if starts.count > 0 { id += "-\(starts.count + 1)" }
                    var options = try route.clientOptions(url, id: id)
                    options.keepAlive = .seconds(20)
                    let prefix = configuration.topicPrefix
                    starts.append { MQTTRoute.start(settings, prefix: prefix, client: options, in: surroundings) }
                case .https(let url):
                    let options = try route.routeOptions(url)
                    starts.append { HTTPSRoute.start(settings, options: options, in: surroundings) }
                }
            }
        }
        return starts.map { $0() }
    }

    private func surroundings(of centre: String, index: Int) -> RouteSurroundings {
        let (orders, clock, log) = (orders, clock, log)
        return RouteSurroundings(
            board: board, index: index, log: log, clock: { clock.now }, isStopping: isEnding,
            keepWord: { word in
                do throws(InvalidFiles) {
                    _ = try orders.put(
                        Order(word, from: centre), from: OrderBox.CentreOrigin(centre: centre, wordID: word.wordID))
                    return true
                } catch {
                    log.error("\(error)")
                    return false
                }
            })
    }
}
