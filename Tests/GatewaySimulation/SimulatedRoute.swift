import Contract
import DeliveryCore
import Encoding
import Journal
import LiftModel
import SimulatedDisk

/// A route to a centre: decides with the product's `Dispatch`, over its own handle of the journal.
struct SimulatedRoute {
    let centre: String
    let lanes: Set<Lane>
    private var dispatch: Dispatch
    private var journal: Journal?
    private var isConnected = false
    /// Receipts and refusals that the disk has not taken yet.
    private var answers: [SimulatedCentre.Answer] = []

    private let life: Int
    /// 0 for the first route to the centre.
    let index: Int

    /// - Parameter life: the number of the process.
    init(to centre: SimulatedCentre, index: Int = 0, life: Int) {
        self.life = life
        self.index = index
        self.centre = centre.name
        lanes = centre.lanes
        dispatch = Dispatch(Dispatch.Settings(centre: centre.name, routeIndex: index))
    }

    /// One turn of the route's thread.
    /// - Parameter isUp: the way to the centre can be used.
    mutating func turn(
        _ centre: inout SimulatedCentre, isUp: Bool, _ memory: inout UnjournalledEvents,
        time: Instant,
        now: MonotonicTime
    ) {
        do throws(JournalError) {
            let journal = try openedJournal()
            guard centre.mood != .away, isUp else {
                isConnected = false
                centre.loseAnswers(on: index)
                return
            }
            if !isConnected {
                isConnected = true
                // nil where it cannot be read now, as in the product.
                dispatch.startConnection(lastRowID: try? journal.lastRowID(), now: now)
            }
            answers += centre.takeAnswers(on: index, at: now)
            try applyAnswers(in: journal, &memory, time: time, now: now)
            try send(to: &centre, journal, memory, time: time, now: now)
        } catch {
            // The disk fails; what is in memory leaves in spite of it.
            if let journal {
                // It throws only where nothing is in memory, and then there is nothing to send.
                try? send(to: &centre, journal, memory, time: time, now: now)
            }
        }
    }

    private mutating func openedJournal() throws(JournalError) -> Journal {
        if let journal { return journal }
        let opened = try Journal(
            forDelivery: SimulatedGateway.path, fileSystem: DiskFileSystem.name)
        journal = opened
        return opened
    }

    private mutating func applyAnswers(
        in journal: Journal, _ memory: inout UnjournalledEvents, time: Instant, now: MonotonicTime
    ) throws(JournalError) {
        guard !answers.isEmpty else { return }
        var (stored, refused): ([String], [(id: String, reason: String?)]) = ([], [])
        for answer in answers {
            switch answer {
            case .stored(let ids): stored += ids
            case .refused(let id): refused.append((id, "not wanted"))
            }
        }
        var known = memory
        let name = centre
        var outcome = ReceiptOutcome()
        try dispatch.apply(
            stored: stored, refused: refused, of: centre, in: journal,
            recordFromMemory: { known.recordStored($0, by: name, at: now) }, time: time, now: now,
            into: &outcome)
        memory = known
        answers.removeAll()
    }

    private mutating func send(
        to centre: inout SimulatedCentre, _ journal: Journal, _ memory: UnjournalledEvents,
        time: Instant, now: MonotonicTime
    ) throws(JournalError) {
        let unjournalled = memory.waiting(for: centre.name, lanes: lanes, at: now)
        let transmissions = try dispatch.next(
            from: journal, unjournalled: unjournalled, now: now, time: time)
        for transmission in transmissions {
            let row = transmission.row
            var hash = ByteHash(seed: 1)
            hash.add(row.body.span, 0, row.body.count)
            centre.receive(
                SimulatedCentre.Arrival(
                    id: row.eventID, lane: row.lane, lift: row.lift,
                    hash: hash.value, at: now, life: row.id == nil ? life : nil,
                    answeredCommand: row.type == "word" ? Self.commandID(in: row.body) : nil),
                on: index, at: now)
        }
    }

    static func commandID(in body: [UInt8]) -> String? {
        let text = String(decoding: body, as: UTF8.self)
        guard let start = text.firstRange(of: "\"word_id\":\"")?.upperBound else { return nil }
        return String(text[start...].prefix { $0 != "\"" })
    }
}
