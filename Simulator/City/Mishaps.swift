/// How often a lift has broken down, and what waits for its occasion.
struct Mishaps {
    var breakdowns = 0
    /// The cause that waits for the moment at which it strikes.
    var armed: Cause?
    /// It loses its link in its next ride with people.
    var losesLinkInRide = false
}
