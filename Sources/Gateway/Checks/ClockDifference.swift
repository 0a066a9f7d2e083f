import LiftModel

extension Duration {
    var magnitude: Duration { self < .zero ? .zero - self : self }

    /// The difference of two clocks as a text, to the minute, since a difference of whole hours may
    /// be a time zone: 45 s, 3 min, 8 h 0 min, 2 days 3 h.
    var inTwoUnits: String {
        let minutes = Int((inSeconds / 60).rounded())
        switch minutes {
        case ..<2: return "\(Int(inSeconds)) s"
        case ..<60: return "\(minutes) min"
        case ..<2880: return "\(minutes / 60) h \(minutes % 60) min"
        default: return "\(minutes / 1440) days \(minutes / 60 % 24) h"
        }
    }
}
