import LiftModel

extension StatusSnapshot {
    /// The value of a lift's signal; in JSON the bare value.
    package enum Signal: Codable, Sendable, Equatable {
        case flag(Bool)
        case number(Double)
        case text(String)
        case codes([String])

        package init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let value = try? container.decode(Bool.self) {
                self = .flag(value)
            } else if let value = try? container.decode(Double.self) {
                self = .number(value)
            } else if let value = try? container.decode(String.self) {
                self = .text(value)
            } else {
                self = .codes(try container.decode([String].self))
            }
        }

        package func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            switch self {
            case .flag(let value): try container.encode(value)
            case .number(let value): try container.encode(value)
            case .text(let value): try container.encode(value)
            case .codes(let value): try container.encode(value)
            }
        }
    }
}

extension StatusSnapshot.Signal {
    init(_ value: Evidence.Value) {
        switch value {
        case .boolean(let value): self = .flag(value)
        case .number(let value): self = .number(value)
        case .text(let value): self = .text(value)
        case .codes(let codes): self = .codes(codes)
        }
    }
}
