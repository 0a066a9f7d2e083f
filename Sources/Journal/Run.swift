/// What the clocks said when an event was noted, beside the gateway's time line.
public struct ClockStamp: Sendable, Equatable {
    /// Nanoseconds since the box was booted.
    public var monotonic: Int64
    /// Whether the wall clock could be believed: `synchronised`, `stepped`, `free`; empty where it is not known.
    public var quality: String
    public init(monotonic: Int64 = 0, quality: String = "") {
        self.monotonic = monotonic
        self.quality = quality
    }
}

/// The gateway's runs. Each has a time line of its own, anchored at what the wall clock said when it began; a box without a clock of its
/// own begins in 1970, and learns later by how much that was wrong.
extension Journal {
    /// One run of the gateway.
    public struct Run: Sendable, Equatable {
        public var boot: String
        /// What has to be added to the times of this run; zero where they were right, or nobody knows better.
        public var correction: Int64
    }

    /// Notes that the gateway begins to run in a boot of the box. What is noted from now on is of this run.
    public func beginRun(boot: String) throws(JournalError) {
        try database.run("INSERT INTO run(boot) VALUES(?)", .text(boot))
        run = try database.scalar("SELECT max(id) FROM run") ?? 0
        // Runs that nothing owed refers to any more say nothing.
        try database.run(
            """
            DELETE FROM run WHERE id < ? - 100 AND NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.run = run.id)
            """, .integer(run))
    }

    /// The wall clock, now kept right by somebody, is this far from the run's time line.
    public func correctRun(by correction: Int64) throws(JournalError) {
        try database.run("UPDATE run SET correction = ? WHERE id = ?", .integer(correction), .integer(run))
    }

    public func run(_ id: Int64) throws(JournalError) -> Run? {
        var found: Run?
        try database.run("SELECT boot, correction FROM run WHERE id = ?", .integer(id)) {
            found = Run(boot: $0.text(0), correction: $0.integer(1))
        }
        return found
    }
}
