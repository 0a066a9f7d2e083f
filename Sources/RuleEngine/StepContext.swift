import LiftModel

/// What the evaluation of one step needs besides the lift's memory.
package struct StepContext {
    var time: Int64
    /// The inputs are the present state after a gap, not changes: no edge is seen.
    var isBaseline: Bool
    var isObserving: Bool
    var history: History
    /// A person has accepted the lift's open entrapment: nothing suppresses it until it ends (EN
    /// 81-28).
    var isAccepted: Bool
    /// False while memory is carried over to other rules: only later inputs raise alerts.
    var isRaising: Bool

    package init(
        time: Int64, isBaseline: Bool = false, isObserving: Bool = true,
        history: History = .unknown,
        isAccepted: Bool = false, isRaising: Bool = true
    ) {
        self.time = time
        self.isBaseline = isBaseline
        self.isObserving = isObserving
        self.history = history
        self.isAccepted = isAccepted
        self.isRaising = isRaising
    }
}
