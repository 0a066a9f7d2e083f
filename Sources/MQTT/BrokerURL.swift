/// A broker's address: `mqtt://host:1883`, or `mqtts://host:8883` over TLS.
public struct BrokerURL: Sendable, Equatable, CustomStringConvertible {
    public var host: String
    public var port: Int
    public var usesTLS: Bool

    /// Used for a file without a valid URL, so that its other mistakes are found, too.
    public static let placeholder = BrokerURL(host: "localhost", port: 1883, usesTLS: false)

    init(host: String, port: Int, usesTLS: Bool) {
        self.host = host
        self.port = port
        self.usesTLS = usesTLS
    }

    /// nil for a text that is no such URL. An IPv6 address must be in brackets.
    public init?(_ text: String) {
        // A scheme may be written in capitals (RFC 3986).
        let scheme = text.prefix(8).lowercased()
        let usesTLS = scheme.hasPrefix("mqtts://")
        guard usesTLS || scheme.hasPrefix("mqtt://") else { return nil }
        var rest = Substring(text.dropFirst(usesTLS ? 8 : 7))
        if rest.hasSuffix("/") { rest.removeLast() }
        var port = usesTLS ? 8883 : 1883
        if let colon = rest.lastIndex(of: ":"), !rest[colon...].contains("]") {
            guard let number = Int(rest[rest.index(after: colon)...]), 1...65535 ~= number else {
                return nil
            }
            port = number
            rest = rest[..<colon]
        }
        if rest.hasPrefix("["), rest.hasSuffix("]") { rest = rest.dropFirst().dropLast() }
        guard !rest.isEmpty, !rest.contains(where: { $0 == "/" || $0 == "@" || $0.isWhitespace })
        else { return nil }
        self.init(host: String(rest), port: port, usesTLS: usesTLS)
    }

    public var isLoopback: Bool { host == "localhost" || host == "::1" || host.hasPrefix("127.") }

    public var description: String {
        "\(usesTLS ? "mqtts" : "mqtt")://\(host.contains(":") ? "[\(host)]" : host):\(port)"
    }
}
