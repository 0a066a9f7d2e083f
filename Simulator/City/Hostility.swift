import LiftModel

/// Devices that publish for other lifts, and rubbish on the network.
extension Building {
    /// Every 5 s the first lift publishes its state on its own topic in its neighbour's name, and
    /// on its neighbour's topic in its own.
    func lie(until end: Double) {
        guard now < end, lifts.count > 1, let liar = lifts.first else { return }
        if liar.scheduler.isReporting {
            liar.publish(.state, liar.scheduler.publishedPanel, inNameOf: 1, onTopicOf: 0)
            liar.publish(.state, liar.scheduler.publishedPanel, inNameOf: 0, onTopicOf: 1)
        }
        after(5) { [unowned self] in lie(until: end) }
    }

    /// Every second a piece of rubbish, on the topic of one of the lifts.
    func rant(until end: Double) {
        guard now < end else { return }
        let target = lifts[random.integer(0...lifts.count - 1)]
        target.publish(
            .rubbish(random.integer(0...Rubbish.pieces.count - 1)), target.scheduler.publishedPanel)
        after(1) { [unowned self] in rant(until: end) }
    }

    /// The links of all lifts fail.
    func cutLinks(for seconds: Double) {
        for lift in lifts {
            cutLink(of: lift.index, for: seconds)
            lift.linkFailed(now...now + seconds)
        }
    }
}

/// Payloads that no gateway may fail on. A well-formed message in a lift's own name would be a
/// forgery, which the broker's access list must prevent.
enum Rubbish {
    static let pieces: [[UInt8]] = [
        [], Array("{".utf8), Array("null".utf8), Array("[[[[[[[[[[[[[[[[".utf8),
        Array("{\"Car_Status\":\"".utf8),
        Array("{\"Car_Status\":0,".utf8), [0x00, 0xFF, 0xFE, 0x80, 0x0A], Array("\u{FEFF}{}".utf8),
        Array("0x41".utf8),
        Array(String(repeating: "{\"a\":", count: 2000).utf8),
        Array(repeating: 0x20, count: 70_000),
    ]
}
