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
    /// - Parameter anchor: nanoseconds from the boot's monotonic clock to the run's time line.
    public func beginRun(boot: String, anchor: Int64) throws(JournalError) {
        try database.run("INSERT INTO run(boot, anchor) VALUES(?, ?)", .text(boot), .integer(anchor))
        run = try database.scalar("SELECT max(id) FROM run") ?? 0
        // Runs that nothing owed refers to any more say nothing.
        try database.run(
            """
            DELETE FROM run WHERE id < ?1 - 100 AND id < ifnull((SELECT run FROM outbox ORDER BY id LIMIT 1), ?1)
            """, .integer(run))
    }

    /// The wall clock, now kept right by somebody, is this far from the run's time line. Earlier runs of the same boot went by the same
    /// monotonic clock, so how far off they were is known, too; less than a second is nothing.
    /// - Returns: how many earlier runs are corrected otherwise than before.
    public func correctRuns(by correction: Int64) throws(JournalError) -> Int {
        try database.transaction { () throws(JournalError) in
            try database.run("UPDATE run SET correction = ? WHERE id = ?", .integer(correction), .integer(run))
            var runs: [(id: Int64, correction: Int64)] = []
            try database.run(
                """
                SELECT earlier.id, ?1 + own.anchor - earlier.anchor, earlier.correction FROM run AS earlier, run AS own
                WHERE own.id = ?2 AND earlier.id < ?2 AND earlier.boot = own.boot AND earlier.anchor IS NOT NULL
                """, .integer(correction), .integer(run)
            ) { row in
                let found = abs(row.integer(1)) < 1_000_000_000 ? 0 : row.integer(1)
                if abs(found - row.integer(2)) >= 1_000_000_000 { runs.append((row.integer(0), found)) }
            }
            for run in runs {
                try database.run(
                    "UPDATE run SET correction = ? WHERE id = ?", .integer(run.correction), .integer(run.id))
            }
            return runs.count
        }
    }

    /// How far the time line of the last run of a boot was from its monotonic clock.
    public func lastAnchor(ofBoot boot: String) throws(JournalError) -> Int64? {
        try database.scalar(
            "SELECT anchor FROM run WHERE boot = ? AND anchor IS NOT NULL ORDER BY id DESC LIMIT 1", .text(boot))
    }

    public func run(_ id: Int64) throws(JournalError) -> Run? {
        var found: Run?
        try database.run("SELECT boot, correction FROM run WHERE id = ?", .integer(id)) {
            found = Run(boot: $0.text(0), correction: $0.integer(1))
        }
        return found
    }
}
