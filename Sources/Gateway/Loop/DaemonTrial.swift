/// What a program for trials adds to the daemon. The installed program adds nothing.
public struct DaemonTrial: Sendable {
    /// A moment of the commit cycle at which a process may die.
    public enum Step: String, Sendable {
        /// Messages are read and evaluated, and not yet committed.
        case afterRead = "after_read"
        /// The batch is durable, and the broker has not received the acknowledgement.
        case afterCommit = "after_commit"
    }

    /// Called at each step, on the loop's thread.
    public var reached: @Sendable (Step) -> Void
    /// Called at the start of each run, with a function that has loop and routes look at the clock.
    public var started: @Sendable (_ wakeAll: @escaping @Sendable () -> Void) -> Void

    public init(
        reached: @escaping @Sendable (Step) -> Void,
        started: @escaping @Sendable (_ wakeAll: @escaping @Sendable () -> Void) -> Void
    ) {
        self.reached = reached
        self.started = started
    }
}
