import LiftModel

/// What a lift's profile and class mean to the rules.
public struct LiftKind: Hashable, Sendable {
    public var provides: Set<Signal>
    public var staleAfter: Duration
    /// A lift sends a change no more often than this; it bounds the memory of windows.
    public var shortestInterval: Duration
    /// The interval of reports, if the lift reports at intervals only and not on every change.
    public var reportsEvery: Duration?
    public var equipment: EquipmentClass
    /// The lift's own limit for a run without progress; nil: the rules' parameter.
    public var runTimeLimit: Duration?
    public init(
        provides: Set<Signal>, staleAfter: Duration,
        shortestInterval: Duration = .milliseconds(100),
        reportsEvery: Duration? = nil, equipment: EquipmentClass, runTimeLimit: Duration? = nil
    ) {
        self.runTimeLimit = runTimeLimit
        self.reportsEvery = reportsEvery
        self.provides = provides
        self.staleAfter = staleAfter
        self.shortestInterval = shortestInterval
        self.equipment = equipment
    }
}
