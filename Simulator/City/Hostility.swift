import Elevator

/// Devices that speak for others, and whatever else comes over a network.
extension Building {
    /// Every 5 s the first lift says its state under its neighbour's name, and on its neighbour's topic under its own.
    func lie(until end: Double) {
        guard now < end, lifts.count > 1, let liar = lifts.first else { return }
        if liar.voice.isSpeaking {
            liar.say(.state, liar.voice.said, in: 1, onTopicOf: 0)
            liar.say(.state, liar.voice.said, in: 0, onTopicOf: 1)
        }
        after(5) { [unowned self] in lie(until: end) }
    }

    /// Every second something that is no message, on the topic of some lift.
    func rant(until end: Double) {
        guard now < end else { return }
        let target = lifts[random.integer(0...lifts.count - 1)]
        target.say(.rubbish(random.integer(0...Rubbish.pieces.count - 1)), target.voice.said)
        after(1) { [unowned self] in rant(until: end) }
    }

    /// The links of all its lifts are away from now on.
    func cutLinks(for seconds: Double) {
        for lift in lifts {
            cutLink(of: lift.index, for: seconds)
            lift.linkIsAway(now...now + seconds)
        }
    }
}

/// What no gateway may stumble over. A well-formed message in a lift's own name would be a forgery, which the broker's access list
/// has to keep out.
enum Rubbish {
    static let pieces: [[UInt8]] = [
        [], Array("{".utf8), Array("null".utf8), Array("[[[[[[[[[[[[[[[[".utf8), Array("{\"Car_Status\":\"".utf8),
        Array("{\"Car_Status\":0,".utf8), [0x00, 0xFF, 0xFE, 0x80, 0x0A], Array("\u{FEFF}{}".utf8), Array("0x41".utf8),
        Array(String(repeating: "{\"a\":", count: 2000).utf8), Array(repeating: 0x20, count: 70_000),
    ]
}
