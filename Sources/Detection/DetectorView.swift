import Elevator

/// One lift as a person wants to see it.
public struct LiftView: Sendable {
    public var lift: Lift
    public var signals: [Evidence]
    public var occupancy: Occupancy
    /// nil for a lift never heard.
    public var lastHeard: Instant?
    public var openAlerts: [OpenAlert]
    public var counters: LiftCounters
    public var use: LiftUse
    public var clockOffset: Duration?
    /// The end of an announced maintenance window.
    public var maintenanceUntil: Instant?
}

/// An alert that is not over.
public struct OpenAlert: Sendable, Equatable {
    public var id: String
    public var revision: Int
    public var lift: String
    public var kind: String
    public var state: AlertState
    public var severity: Severity
    public var onset: Instant
    public var title: Title
    /// The person at the centre who deals with it.
    public var acceptedBy: String?

    public var lane: Lane { Lane(of: kind, state, severity) }
}

extension Detector {
    public func view(_ index: Int) -> LiftView {
        let track = tracks[index]
        return LiftView(
            lift: track.lift, signals: programs[track.program].evidence(track.memory.words.span),
            occupancy: programs[track.program].occupancy(track.memory),
            lastHeard: track.memory.isHeard ? Instant(nanoseconds: track.memory.lastHeard) : nil,
            openAlerts: openAlerts(track), counters: track.counters, use: track.use,
            clockOffset: track.clock.offset.map { .nanoseconds($0) },
            maintenanceUntil: track.maintenance.map { Instant(nanoseconds: $0.until) })
    }

    public var openAlerts: [OpenAlert] {
        tracks.flatMap { openAlerts($0) + [$0.maintenance?.alert.view, $0.clockAlert?.view].compactMap { $0 } }
            + incidents.values.compactMap(\.alert.view).sorted { $0.id < $1.id }
    }

    /// In which lane an alert is told that a person can still speak of, open or not.
    public func lane(ofAlert id: String) -> Lane? {
        if let open = openAlerts.first(where: { $0.id == id }) { return open.lane }
        for track in tracks {
            if let entry = track.ledger.entries.first(where: { $0.id == id }) {
                return Lane(of: entry.kind, entry.state, entry.severity)
            }
        }
        return nil
    }

    private func openAlerts(_ track: LiftTrack) -> [OpenAlert] {
        track.ledger.entries.filter(\.state.isOpen).map { entry in
            OpenAlert(
                id: entry.id, revision: entry.revision, lift: track.lift.id, kind: entry.kind, state: entry.state,
                severity: entry.severity, onset: Instant(nanoseconds: entry.onset), title: entry.title,
                acceptedBy: entry.acceptedBy)
        }
    }

    /// Lifts that say that the mains is gone: code 41 of GB/T 24476-2017, or running on emergency power.
    public var liftsWithoutPower: [String] {
        tracks.filter { track in
            track.signal(.codes).map { $0 & FaultCode.mainPowerLost.bit != 0 } == true
                || track.signal(.mode) == ServiceMode.allCases.firstIndex(of: .emergencyPower).map { UInt64($0) }
        }.map(\.lift.id)
    }

    /// Lifts in which people may be now: not empty as the rules take it, and not standing open at a landing.
    public var liftsThatMayHoldPeople: [String] {
        tracks.filter { track in
            func signal(_ signal: Signal) -> Bool? { track.signal(signal).map { $0 != 0 } }
            let isOpen =
                signal(.inDoorZone) == true && (signal(.frontFullyOpen) == true || signal(.rearFullyOpen) == true)
            // A sensor that is stuck, or that the load contradicts, empties no car.
            let isEmpty = programs[track.program].occupancy(track.memory).verdict == .no
            return track.memory.isHeard && !isOpen && !isEmpty
        }.map(\.lift.id)
    }
}

extension LiftTrack {
    /// A signal's raw value (`Reading.bits`), nil while it is unknown.
    fileprivate func signal(_ signal: Signal) -> UInt64? {
        let bit: UInt64 = 1 << UInt64(signal.rawValue)
        return memory.known & bit == 0 ? nil : memory.signal(signal.rawValue)
    }
}
