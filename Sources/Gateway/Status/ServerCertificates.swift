import Connectivity
import LiftModel
import Platform
import Synchronization

/// Looks now and then until when the servers' certificates are valid. An expired one ends no
/// connection that stands, so that it would only be found when the next one fails.
final class ServerCertificates: Sendable {
    static let interval = Duration.seconds(6 * 3600)
    /// While one ends soon: it may have been renewed.
    static let intervalWhileEnding = Duration.seconds(600)
    /// A start has more urgent work, and the clock may still be wrong.
    static let firstAfter = Duration.seconds(60)

    private struct State {
        var firstLook: MonotonicTime
        var lastLook: MonotonicTime?
        /// By server; the last found.
        var found: [String: Instant] = [:]
    }
    private let probes: [ServerProbe]
    private let state: Mutex<State>

    init(_ probes: [ServerProbe], at now: MonotonicTime) {
        var byServer: [String: ServerProbe] = [:]
        for probe in probes where probe.usesTLS { byServer["\(probe.server)"] = probe }
        self.probes = byServer.sorted { $0.key < $1.key }.map(\.value)
        state = Mutex(State(firstLook: now + Self.firstAfter))
    }

    /// Starts a look where one is due, on a thread of its own: a server may not answer.
    /// - Parameter time: by the wall clock.
    func lookIfDue(at now: MonotonicTime, time: Instant) {
        let isEnding = found.contains { $0.validUntil - time < $0.notice }
        let isDue = state.withLock { state in
            let pause = isEnding ? Self.intervalWhileEnding : Self.interval
            let next = state.lastLook.map { $0 + pause } ?? state.firstLook
            if probes.isEmpty || now < next { return false }
            state.lastLook = now
            return true
        }
        // Where no thread can be started the next look is the first.
        guard isDue, let thread = LoopThread.attempt({ [self] in look() }) else { return }
        thread.detach()
    }

    /// The next call of `lookIfDue` starts a look.
    func lookAgain() { state.withLock { ($0.firstLook, $0.lastLook) = (.boot, nil) } }

    private func look() {
        for probe in probes {
            // A server out of reach is reported by its connection.
            guard let certificate = probe.serverCertificate else { continue }
            state.withLock { $0.found["\(probe.server)"] = certificate.validUntil }
        }
    }

    var found: [Condition.Certificate] {
        state.withLock { state in
            state.found.sorted { $0.key < $1.key }.map {
                Condition.Certificate(holder: .server($0.key), validUntil: $0.value)
            }
        }
    }
}

extension Endpoint {
    /// One for each of its servers: an OAuth token may come from another one.
    var probes: [ServerProbe] {
        let own: ServerProbe? =
            switch address {
            case .mqtt(let url):
                ServerProbe(
                    ServerAddress(host: url.host, port: url.port), usesTLS: url.usesTLS,
                    files: tlsFiles)
            case .https(let url): ServerProbe(url: url, files: tlsFiles)
            }
        let token = oauth.flatMap { ServerProbe(url: $0.tokenURL, files: tlsFiles) }
        return [own, token].compactMap(\.self)
    }
}
