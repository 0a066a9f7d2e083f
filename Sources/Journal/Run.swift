import LiftModel

/// The box's clocks when an event was journalled, beside the gateway's time line.
public struct ClockStamp: Sendable, Equatable {
    /// Of the boot of that run.
    public var monotonic: MonotonicTime
    /// Whether the wall clock could be believed: `synchronised`, `stepped`, `free`; empty where it
    /// is unknown.
    public var quality: String
    public init(monotonic: MonotonicTime = .boot, quality: String = "") {
        self.monotonic = monotonic
        self.quality = quality
    }
}

/// The gateway's runs. Each has its own time line, which starts at the wall clock's time. A box
/// without a clock of its own starts in 1970, and learns later by how much that was wrong.
extension Journal {
    /// One run of the gateway.
    public struct Run: Sendable, Equatable {
        public var boot: String
        /// The time correction of this run, in nanoseconds; zero where its times are right, or
        /// where the correction is unknown.
        public var correction: Int64
    }

    /// Records the start of a run of the gateway. Events that are enqueued from now on belong to
    /// it.
    /// - Parameters:
    ///   - anchor: nanoseconds from the boot's monotonic clock to the run's calendar time.
    ///   - calendarOffset: nanoseconds from the run's time line to its calendar time.
    public func beginRun(boot: String, anchor: Int64, calendarOffset: Int64 = 0)
        throws(JournalError)
    {
        try database.transaction { () throws(JournalError) in
            try database.run(
                "INSERT INTO run(boot, anchor) VALUES(?, ?)", .text(boot), .integer(anchor))
            try set(Self.calendarOffsetCounter, calendarOffset)
        }
        run = try database.scalar("SELECT max(id) FROM run") ?? 0
        // Old runs to which no event in the outbox refers are not needed.
        try database.run(
            """
            DELETE FROM run WHERE id < ?1 - 100 AND id < ifnull((SELECT run FROM outbox ORDER BY id LIMIT 1), ?1)
            """, .integer(run))
    }

    /// Records the time correction of this run: the wall clock is synchronised now, and differs
    /// from the run's time line by this. Earlier runs of the same boot used the same monotonic
    /// clock, so their corrections are known, too; less than a second counts as none.
    /// - Returns: how many earlier runs have another correction than before.
    public func correctRuns(by correction: Int64) throws(JournalError) -> Int {
        try database.transaction { () throws(JournalError) in
            try database.run(
                "UPDATE run SET correction = ? WHERE id = ?", .integer(correction), .integer(run))
            var runs: [(id: Int64, correction: Int64)] = []
            try database.run(
                """
                SELECT earlier.id, ?1 + own.anchor - earlier.anchor, earlier.correction FROM run AS earlier, run AS own
                WHERE own.id = ?2 AND earlier.id < ?2 AND earlier.boot = own.boot AND earlier.anchor IS NOT NULL
                """, .integer(correction), .integer(run)
            ) { row in
                let found = abs(row.integer(1)) < 1_000_000_000 ? 0 : row.integer(1)
                if abs(found - row.integer(2)) >= 1_000_000_000 {
                    runs.append((row.integer(0), found))
                }
            }
            for run in runs {
                try database.run(
                    "UPDATE run SET correction = ? WHERE id = ?", .integer(run.correction),
                    .integer(run.id))
            }
            return runs.count
        }
    }

    private static let calendarOffsetCounter = "calendar_offset"

    /// Nanoseconds from the last run's time line to its calendar time.
    public func calendarOffset() throws(JournalError) -> Int64 {
        try database.scalar(
            "SELECT value FROM counter WHERE name = ?", .text(Self.calendarOffsetCounter)) ?? 0
    }

    /// Nanoseconds from a boot's monotonic clock to the time line of its last run.
    public func lastLine(ofBoot boot: String) throws(JournalError) -> Int64? {
        let anchor = try database.scalar(
            "SELECT anchor FROM run WHERE boot = ? AND anchor IS NOT NULL ORDER BY id DESC LIMIT 1",
            .text(boot))
        guard let anchor else { return nil }
        return anchor - (try calendarOffset())
    }

    /// Corrects earlier runs that started later than the present time, so with a wrong clock. The
    /// correction is an estimate: the box does not know for how long it was off since.
    /// - Returns: how many runs.
    public func correctRuns(beganAfter now: Instant, by correction: Int64) throws(JournalError)
        -> Int
    {
        let later = "id < ? AND anchor > ? AND correction = 0"
        let count = try database.scalar(
            "SELECT count(*) FROM run WHERE \(later)", .integer(run), .integer(now.nanoseconds))
        try database.run(
            "UPDATE run SET correction = ? WHERE \(later)", .integer(correction), .integer(run),
            .integer(now.nanoseconds))
        return Int(count ?? 0)
    }

    /// - Returns: nil where it is not known any more.
    public func run(_ id: Int64) throws(JournalError) -> Run? {
        var found: Run?
        try database.run("SELECT boot, correction FROM run WHERE id = ?", .integer(id)) {
            found = Run(boot: $0.text(0), correction: $0.integer(1))
        }
        return found
    }
}
