import Encoding
import FoundationEssentials

extension JSONValue {
    /// - Returns: nil for bytes that are not JSON, or that are not readable in every part.
    init?(_ bytes: some Sequence<UInt8>) {
        do { self = try JSONDecoder().decode(JSONValue.self, from: Data(bytes)) } catch {
            return nil
        }
        if !isWhole { return nil }
    }
}
