import Contract
import GatewayCore
import Journal

extension Daemon {
    /// The signer; nil where alerts are not signed, or cannot be: no alert waits for a key.
    func makeSigner() -> (signer: Signer?, problem: Condition.SigningProblem?) {
        guard configuration.signsAlerts else { return (nil, nil) }
        do throws(Signer.Problem) {
            return (try Signer(keyFile: configuration.stateFolder + "/signing-key.pem"), nil)
        } catch {
            let problem = Condition.SigningProblem(
                found: "\(error)", isOfFirstKey: error.isOfFirstKey)
            let advice = problem.advice(OwnFiles(in: configuration.stateFolder).problem)
            log.critical("alerts go out unsigned: \(error). \(advice)")
            return (nil, problem)
        }
    }

    private static let keyCounter = "signing_key"

    /// Announces a changed signing key to the centres, and stores its fingerprint once the event is
    /// durable.
    func announceKey(
        _ signer: Signer?, _ loop: TelemetryLoop, _ journal: Journal, _ site: AlertEvent.Site,
        _ startRecords: StartRecords
    ) throws(JournalError) {
        guard let signer else { return }
        let known = try journal.counters()[Self.keyCounter].map { Int64($0) }
        if known == signer.fingerprint { return }
        if known != nil || signer.replacesLostKey {
            log.critical(
                "alerts are signed with another key than before (\(signer.replacesLostKey ? "signing-key.pem was missing, and a new one was made" : "signing-key.pem was changed")). Was that you? Give the centre signing-key.pem.pub; it is informed of the change"
            )
            let change: KeyChange = signer.replacesLostKey ? .missing : .changed
            loop.handle(.event(.key(signer, change, site: site, at: loop.clock.calendarNow)))
            loop.handle(.commitNow)
            // Until a commit succeeds, each start announces the key again, under the same id.
            guard loop.core.storage.failure == nil else { return }
        }
        try startRecords.write("the signing key", in: journal) { journal throws(JournalError) in
            try journal.set(Self.keyCounter, signer.fingerprint)
        }
    }
}
