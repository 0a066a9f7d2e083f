import Encoding
import LiftModel

extension StatusSnapshot {
    /// The value of a lift's signal; in JSON the bare value.
    package enum Signal: Codable, Sendable, Equatable {
        case flag(Bool)
        case number(Double)
        case text(String)
        case codes([String])

        package init(from decoder: any Decoder) throws {
            let value = try JSONValue(from: decoder)
            switch value {
            case .flag(let value): self = .flag(value)
            case .number(let value): self = .number(value)
            case .text(let value): self = .text(value)
            case .list(let items) where items.allSatisfy({ $0.text != nil }):
                self = .codes(items.compactMap(\.text))
            default:
                throw DecodingError.dataCorrupted(
                    DecodingError.Context(
                        codingPath: decoder.codingPath,
                        debugDescription:
                            "expected true or false, a number, a text or a list of texts"))
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
