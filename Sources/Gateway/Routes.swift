import Contract
import Delivery
import GatewayCore
import LiftModel
import Logging
import MQTT
import Monitoring
import Platform
import PositionedYAML

/// Starts every route to every centre, each on a thread of its own.
struct Routes {
    let configuration: Configuration
    let journalPath: String
    let signer: Signer?
    let delivery: DeliveryState
    let inbox: ActionInbox
    let clock: GatewayClock
    let isEnding: @Sendable () -> Bool
    let log: Logger

    /// The statuses of all routes, in the order in which `start` starts them.
    static func statuses(of centres: [Configuration.Centre]) -> [DeliveryState.RouteStatus] {
        centres.flatMap { centre in
            centre.routes.enumerated().map { step, route in
                DeliveryState.RouteStatus(
                    centre: centre.name, name: "\(centre.name)/\(step + 1)", url: route.text)
            }
        }
    }

    /// - Throws: `InvalidFiles` when a secret's file cannot be read; nothing is started then.
    func start() throws(InvalidFiles) -> [LoopThread] {
        var starts: [() -> LoopThread] = []
        for centre in configuration.centres {
            for (step, route) in centre.routes.enumerated() {
                var settings = RouteSettings(
                    site: configuration.site, centre: centre.name, lanes: centre.lanes,
                    routeIndex: step,
                    fallbackAfter: centre.fallbackAfter,
                    backlogRate: Double(centre.backlogRate), journalPath: journalPath,
                    signer: signer,
                    commandKey: centre.commandKey)
                settings.secretsHash = { route.secretsHash }
                let context = context(of: centre.name, index: starts.count)
                switch route.address {
                case .mqtt(let url):
                    var id = "hoistway-\(configuration.site.id)-uplink"
                    // Each route has its own client id: a broker accepts only one client with an
                    // id.
                    if starts.count > 0 { id += "-\(starts.count + 1)" }
                    var options = try route.clientOptions(url, id: id)
                    options.keepAlive = .seconds(20)
                    options.maximumPacket = MQTTRoute.longestPacket
                    let prefix = configuration.topicPrefix
                    starts.append {
                        MQTTRoute.start(settings, prefix: prefix, client: options, in: context)
                    }
                case .https(let url):
                    let options = try route.routeOptions(url)
                    starts.append { HTTPSRoute.start(settings, options: options, in: context) }
                }
            }
        }
        return starts.map { $0() }
    }

    private func context(of centre: String, index: Int) -> RouteContext {
        let (inbox, clock, log) = (inbox, clock, log)
        return RouteContext(
            delivery: delivery, index: index, log: log, clock: { clock.now },
            calendar: { clock.calendarNow }, isStopping: isEnding,
            storeCommand: { command in
                do throws(InvalidFiles) {
                    _ = try inbox.put(
                        OperatorAction(command, from: centre),
                        from: SubmittedAction.Origin(centre: centre, commandID: command.commandID)
                    )
                    return true
                } catch {
                    log.error("\(error)")
                    return false
                }
            })
    }
}
