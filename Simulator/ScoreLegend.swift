import Scoring

extension ScoreCard {
    /// The table, and the meaning of its less obvious columns.
    var tableWithLegend: String {
        table + """

            BRIEF: it was over before an alert was due. EXPLAINED: the lift fell silent because the power of its area failed.
            UNKNOWN: no message that arrived showed it. Of these no alert was required: they are neither DETECTED nor MISSED.
            CAUTIOUS: of the FALSE ones, an empty car that is stuck shut and whose sensors do not say that it is empty.
            """
    }
}
