import LiftModel
import RuleEngine

/// The present state of one lift, for display.
public struct LiftView: Sendable {
    public var lift: Lift
    public var signals: [Evidence]
    public var occupancy: Occupancy
    /// nil: no sign of life has come yet.
    public var lastSignOfLife: Instant?
    public var openAlerts: [OpenAlert]
    public var counters: LiftCounters
    public var use: LiftUse
    public var clockOffset: Duration?
    /// The end of the announced maintenance window.
    public var maintenanceUntil: Instant?
}

public struct OpenAlert: Sendable, Equatable {
    public var id: String
    public var revision: Int
    public var lift: String
    public var kind: String
    public var state: AlertState
    public var severity: Severity
    public var onset: Instant
    public var title: Title
    /// The person at the centre who has accepted it.
    public var acceptedBy: String?

    public var lane: Lane { Lane(of: kind, state, severity, revision: revision) }
}

extension Detector {
    public func view(_ index: LiftIndex) -> LiftView {
        let liftState = lifts[index]
        return LiftView(
            lift: liftState.lift,
            signals: programs[liftState.programIndex].evidence(liftState.memory),
            occupancy: programs[liftState.programIndex].occupancy(liftState.memory),
            lastSignOfLife: liftState.memory.hasSignOfLife
                ? Instant(nanoseconds: liftState.memory.lastSignOfLife) : nil,
            openAlerts: openAlerts(liftState), counters: liftState.counters, use: liftState.use,
            clockOffset: liftState.clock.offset.map { .nanoseconds($0) },
            maintenanceUntil: liftState.maintenance.map { Instant(nanoseconds: $0.until) })
    }

    public var openAlerts: [OpenAlert] {
        lifts.flatMap {
            openAlerts($0) + [$0.maintenance?.alert.view, $0.clockAlert?.view].compactMap { $0 }
        }
            + incidents.values.compactMap(\.alert.view).sorted { $0.id < $1.id }
    }

    /// The lifts of which an open alert says that they are silent, by themselves or together with
    /// others.
    public var liftsReportedSilent: Set<LiftIndex> {
        var silent = Set(
            lifts.indices.filter { index in
                lifts[index].ledger.entries.contains {
                    $0.kind == Alert.controllerSilent && $0.state.isOpen
                }
            })
        // An alert of the site stands for those of its lifts, which are suppressed.
        for incident in incidents.values where incident.alert.view?.kind == Alert.areaSilence {
            silent.formUnion(incident.affected.keys)
        }
        return silent
    }

    /// The lane of an alert to which an operator action can refer, open or not.
    public func lane(ofAlert id: String) -> Lane? {
        if let open = openAlerts.first(where: { $0.id == id }) { return open.lane }
        for liftState in lifts {
            if let entry = liftState.ledger.entries.first(where: { $0.id == id }) {
                return Lane(of: entry.kind, entry.state, entry.severity, revision: entry.revision)
            }
        }
        return nil
    }

    private func openAlerts(_ liftState: LiftState) -> [OpenAlert] {
        liftState.ledger.entries.filter(\.state.isOpen).map { entry in
            OpenAlert(
                id: entry.id, revision: entry.revision, lift: liftState.lift.id, kind: entry.kind,
                state: entry.state,
                severity: entry.severity, onset: Instant(nanoseconds: entry.onset),
                title: entry.title,
                acceptedBy: entry.acceptedBy)
        }
    }

    /// Lifts without mains: code 41 of GB/T 24476-2017, or emergency power operation.
    public var liftsWithoutPower: [String] {
        lifts.filter { liftState in
            liftState.signal(.codes).map { $0 & FaultCode.mainPowerLost.bit != 0 } == true
                || liftState.signal(.mode)
                    == ServiceMode.allCases.firstIndex(of: .emergencyPower).map { UInt64($0) }
        }.map(\.lift.id)
    }

    /// Lifts in which people may be now: the rules do not find them empty, and no door is open at a
    /// landing.
    public var liftsThatMayHoldPeople: [String] {
        lifts.filter { liftState in
            func signal(_ signal: Signal) -> Bool? { liftState.signal(signal).map { $0 != 0 } }
            let isOpen =
                signal(.inDoorZone) == true
                && (signal(.frontFullyOpen) == true || signal(.rearFullyOpen) == true)
            // A sensor that is stuck, or that the load contradicts, does not make the car empty.
            let isEmpty =
                programs[liftState.programIndex].occupancy(liftState.memory).verdict == .no
            return liftState.memory.hasSignOfLife && !isOpen && !isEmpty
        }.map(\.lift.id)
    }
}

extension LiftState {
    /// A signal's raw value (`Reading.bits`), nil while it is unknown.
    fileprivate func signal(_ signal: Signal) -> UInt64? {
        let bit: UInt64 = 1 << UInt64(signal.rawValue)
        return memory.known & bit == 0 ? nil : memory.signal(signal.rawValue)
    }
}
