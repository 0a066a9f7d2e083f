extension Duration {
    /// For a person, in the unit that fits: 0.4 s, 45 s, 12 min, 8 h, 3 days. (`written` is the
    /// form in files, which can be read back.)
    public var spanText: String {
        if self < .zero { return "-" + (.zero - self).spanText }
        switch inSeconds {
        case ..<10:
            let tenths = Int((inSeconds * 10).rounded())
            return tenths % 10 == 0 ? "\(tenths / 10) s" : "\(tenths / 10).\(tenths % 10) s"
        case ..<180: return "\(Int(inSeconds)) s"
        case ..<7200: return "\(Int(inSeconds / 60)) min"
        case ..<172_800: return "\(Int(inSeconds / 3600)) h"
        default: return "\(Int(inSeconds / 86_400)) days"
        }
    }
}
