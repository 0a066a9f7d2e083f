extension Duration {
    /// For a person, rounded to the unit that fits: 0.4 s, 45 s, 12 min, 8 h, 3 days. Only full
    /// seconds count. (`written` is the form in files, which can be read back.)
    public var spanText: String {
        if self < .zero { return "-" + (.zero - self).spanText }
        switch inSeconds {
        case ..<10:
            let tenths = Int((inSeconds * 10).rounded())
            return tenths % 10 == 0 ? "\(tenths / 10) s" : "\(tenths / 10).\(tenths % 10) s"
        case ..<180: return "\(Int(inSeconds)) s"
        case ..<7200: return "\(rounded(to: 60)) min"
        case ..<172_800: return "\(rounded(to: 3600)) h"
        default: return "\(rounded(to: 86_400)) days"
        }
    }

    private func rounded(to unit: Double) -> Int { Int((inSeconds / unit).rounded()) }
}
