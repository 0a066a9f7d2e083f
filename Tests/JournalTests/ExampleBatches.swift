import Foundation
import LiftModel

@testable import Journal

extension Alert {
    static func example(
        _ id: String, _ revision: Int = 1, lift: String = "1", kind: String = "entrapment"
    )
        -> Alert
    {
        Alert(
            id: id, revision: revision, lift: lift, kind: kind, state: .suspected,
            severity: .critical, rule: "r",
            ruleVersion: "v", onset: Instant(nanoseconds: 1), time: Instant(nanoseconds: 1),
            reason: "held",
            hold: .seconds(10), confirmationHold: nil, evidence: [], vendorCode: nil,
            title: Title(en: "", zh: ""))
    }
}

extension Journal {
    /// Writes batches of three messages, each with an alert that no centre has stored yet.
    /// - Parameter text: the content of each message.
    func fill(
        batches: Int, from first: Int = 0, text: () -> String = { UUID().uuidString }
    ) throws {
        try beginRun(boot: "boot", anchor: 0)
        for n in first..<first + batches {
            var batch = Journal.Batch(now: Instant(nanoseconds: Int64(n)))
            for message in 0..<3 {
                batch.messages.append(
                    JournalledMessage(
                        arrival: Int64(n), topic: Array("lifts/\(message)/state".utf8),
                        payload: Array("{\"n\":\(n),\"m\":\"\(text())\"}".utf8), isRetained: false,
                        mid: message))
            }
            batch.control = "control \(n)"
            batch.alerts = [(Alert.example("alert-\(n)"), Array("{\"n\":\(n)}".utf8))]
            if n == first + batches / 2 { batch.snapshot = Array("state \(n)".utf8) }
            try commit(batch)
        }
    }
}
