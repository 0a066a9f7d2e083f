import ArgumentParser
import Gateway
import Logging

struct Run: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run the gateway until SIGTERM.",
        discussion: """
            A configuration of a dozen lines suffices:

              site: { id: th-plaza-3, name: TH Plaza 3 }
              broker: { url: mqtt://127.0.0.1:1883 }
              centre:
                url: mqtts://centre.example:8883
                ca_file: centre-ca.crt
                certificate_file: box.crt
                key_file: box.key
              lifts:
                - "31104401062020010001"
                - { id: "31104401062020010002", place: Tower B left, rated_speed: 1.75 }

            A password stands in a file of its own (password_file), never in the configuration.

            Each of several centres receives the events by its own routes, in the order in which they are tried. An entrapment without a receipt in
            30 s goes by the next route too, and one that nobody accepts in 3 minutes by all routes:

              centres:
                - name: city
                  routes:
                    - { url: mqtts://city.example:8883, ca_file: ca.crt, certificate_file: box.crt, key_file: box.key }
                    - { url: https://city.example/lifts, oauth: { token_url: https://city.example/token, client_id: box-17, client_secret_file: secret } }
                  fallback: { entrapment: 30s, fault: 10m }    # info: never
                - { name: keeper, url: https://keeper.example/hook, token_file: token, lanes: [entrapment, fault] }
            """)

    @Option(help: "The configuration file.")
    var config = standardConfiguration

    @Option(help: "Also write every message into this trace.")
    var record: String?

    @Option(help: "How much to log: debug, info, notice, warning, error.")
    var logLevel = "info"

    func run() throws {
        try reporting {
            guard let level = Logger.Level(rawValue: logLevel) else {
                throw ValidationError(
                    "--log-level: found '\(logLevel)', expected debug, info, notice, warning or error"
                )
            }
            let writer = LogWriter()
            defer { writer.flush(for: .seconds(1)) }
            var log = writer.logger
            log.logLevel = level
            let configuration = try Configuration(file: config)
            do { try Daemon(configuration, recordPath: record, log: log).run() } catch {
                LastFailure(error, at: .wallClock)?.keep(in: configuration.stateFolder)
                throw error
            }
        }
    }
}
