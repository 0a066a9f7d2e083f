import FoundationEssentials

/// What a centre answers with, over any transport:
///
///     {"id": "…"} or {"ids": ["…"]}                        it has stored these
///     {"refused": [{"id": "…", "reason": "…"}]}            it will never store these: do not send them again
///     {"words": [{"word": "accepted", "alert_id": …}]}     what its people say
struct CentreAnswer {
    struct Refusal: Decodable {
        var id: String
        var reason: String?
    }
    private struct Form: Decodable {
        var id: String?
        var ids: [String]?
        var refused: [Refusal]?
        var words: [CentreWord]?
    }

    /// Why an answer could not be read: what was found and expected.
    struct Problem: Error, CustomStringConvertible { var description: String }

    private(set) var stored: [String] = []
    private(set) var refused: [Refusal] = []
    private(set) var words: [CentreWord] = []

    var isEmpty: Bool { stored.isEmpty && refused.isEmpty && words.isEmpty }

    /// Nothing was said, as in the empty body of a 2xx.
    init() {}

    init(_ bytes: [UInt8]) throws(Problem) {
        let form: Form
        do { form = try JSONDecoder().decode(Form.self, from: Data(bytes)) } catch {
            throw Problem(description: Self.explain(error))
        }
        stored = (form.id.map { [$0] } ?? []) + (form.ids ?? [])
        refused = form.refused ?? []
        words = form.words ?? []
        for word in words { if let mistake = word.mistake { throw Problem(description: mistake) } }
    }

    private static func explain(_ error: any Error) -> String {
        func path(_ context: DecodingError.Context) -> String {
            context.codingPath.map { $0.intValue.map { "[\($0)]" } ?? "\"\($0.stringValue)\"" }.joined(separator: " ")
        }
        return switch error {
        case DecodingError.keyNotFound(let key, let context): "\(path(context)) \"\(key.stringValue)\" is missing"
        case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context),
            DecodingError.dataCorrupted(let context):
            "\(path(context)) \(context.debugDescription)"
        default: "not JSON"
        }
    }
}
