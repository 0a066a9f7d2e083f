import FoundationEssentials

/// The limits of memory that the service's unit and its drop-ins set, where the site has more lifts
/// than the shipped unit allows for.
struct UnitMemory: Equatable {
    /// In bytes; nil for none.
    var data: Int? = 240 << 20
    var all: Int? = 256 << 20
    /// `MemoryMax` is so much more than `LimitDATA`: for what is no data, as programs' text.
    private static let rest = 16 << 20

    /// systemd's, the one that comes before the others first.
    static let folders = [
        "/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system",
        "/lib/systemd/system",
    ]

    init(folders: [String]) {
        if let unit = folders.map({ "\($0)/hoistway.service" }).first(
            where: FileManager.default.fileExists)
        {
            take(unit)
        }
        var names: [String: String] = [:]
        for folder in folders.reversed().map({ "\($0)/hoistway.service.d" }) {
            // A folder that is not there, or may not be listed, changes nothing.
            for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
            where name.hasSuffix(".conf") {
                names[name] = "\(folder)/\(name)"
            }
        }
        for (_, path) in names.sorted(by: { $0.key < $1.key }) { take(path) }
    }

    private mutating func take(_ path: String) {
        // A unit that this user may not read is taken for the shipped one.
        guard let bytes = try? Files.bytes(path) else { return }
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
            let parts = line.split(separator: "=", maxSplits: 1).map { $0.trimmed }
            guard parts.count == 2 else { continue }
            // Of LimitDATA=SOFT:HARD the first counts.
            let value = parts[1].split(separator: ":").first.map(String.init) ?? ""
            switch parts[0] {
            case "LimitDATA": data = Self.bytes(value, or: data)
            case "MemoryMax": all = Self.bytes(value, or: all)
            default: break
            }
        }
    }

    /// `240M`, `infinity`. A share of the machine's memory (50%) is not compared.
    private static func bytes(_ text: String, or former: Int?) -> Int? {
        if text == "infinity" || text.hasSuffix("%") { return nil }
        let shift = ["K": 10, "M": 20, "G": 30, "T": 40][String(text.suffix(1))]
        guard let number = Int(shift == nil ? text : String(text.dropLast())) else { return former }
        // More than this program can count is no limit for it.
        let (product, overflows) = Int64(number).multipliedReportingOverflow(
            by: Int64(1) << (shift ?? 0))
        return overflows ? nil : Int(exactly: product)
    }

    /// That the unit allows too little memory for this many lifts, and what to do; nil where it is
    /// enough.
    func shortage(forLifts count: Int) -> String? {
        let need = DataLimit.bytes(forLifts: count)
        let isShort = data.map { $0 < need } ?? false
        guard isShort || all.map({ $0 < need + Self.rest }) ?? false else { return nil }
        func mebibytes(_ bytes: Int?) -> String { bytes.map { "\($0 >> 20)M" } ?? "infinity" }
        // Rounded up to 16 MiB.
        let data = (need + Self.rest - 1) / Self.rest * Self.rest
        let enough = min(self.data ?? .max, self.all.map { $0 - Self.rest } ?? .max)
        return
            "\(count) lifts: the unit hoistway.service allows LimitDATA=\(mebibytes(self.data)) and MemoryMax=\(mebibytes(all)), enough for \(DataLimit.lifts(within: enough)) lifts. Where the gateway needs more, it ends. Run systemctl edit hoistway, write [Service], LimitDATA=\(mebibytes(data)) and MemoryMax=\(mebibytes(data + Self.rest)), each on a line of its own, then restart."
    }
}

extension Substring {
    fileprivate var trimmed: String {
        String(
            String(drop(while: \.isWhitespace).reversed()).drop(while: \.isWhitespace).reversed())
    }
}
