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
    /// An element that cannot be read is no reason to pass over those beside it.
    private struct Lenient<Value: Decodable>: Decodable {
        var value: Value?
        var problem = ""
        init(from decoder: any Decoder) throws {
            do { value = try Value(from: decoder) } catch { problem = CentreAnswer.explain(error) }
        }
    }
    private struct Form: Decodable {
        var id: String?
        var ids: [String]?
        var refused: [Lenient<Refusal>]?
        var words: [Lenient<CentreWord>]?
    }

    /// Why an answer could not be read: what was found and expected.
    struct Problem: Error, CustomStringConvertible { var description: String }

    /// Words in one answer: nobody says more at once, and each is a commit of the loop's.
    private static let mostWords = 20

    private(set) var stored: [String] = []
    private(set) var refused: [Refusal] = []
    var words: [CentreWord] = []
    /// What is wrong with the elements that are not here.
    private(set) var problems: [String] = []
    /// Something was refused, and it cannot be read what: nothing of the request counts as stored.
    private(set) var hasUnreadableRefusal = false

    var isEmpty: Bool { stored.isEmpty && refused.isEmpty && words.isEmpty }

    /// Nothing was said, as in the empty body of a 2xx.
    init() {}

    init(_ bytes: [UInt8]) throws(Problem) {
        let form: Form
        do { form = try JSONDecoder().decode(Form.self, from: Data(bytes)) } catch {
            throw Problem(description: Self.explain(error))
        }
        if let key = repeatedKey(in: bytes) {
            throw Problem(
                description:
                    "the key \"\(printable(key, upTo: 50))\" stands twice in one object, or is written with escapes")
        }
        stored = (form.id.map { [$0] } ?? []) + (form.ids ?? [])
        for item in form.refused ?? [] {
            if let refusal = item.value {
                refused.append(Refusal(id: refusal.id, reason: refusal.reason.map { printable($0, upTo: 200) }))
            } else {
                hasUnreadableRefusal = true
                problems.append(item.problem)
            }
        }
        for item in form.words ?? [] {
            guard words.count < Self.mostWords else {
                problems.append("more than \(Self.mostWords) words at once; say the rest again")
                break
            }
            guard let word = item.value else {
                problems.append(item.problem)
                continue
            }
            if let mistake = word.mistake { problems.append(mistake) } else { words.append(word) }
        }
    }

    mutating func add(_ other: CentreAnswer) {
        stored += other.stored
        refused += other.refused
        words += other.words
    }
    /// Stored and refused events are noted.
    mutating func forgetEvents() {
        stored.removeAll()
        refused.removeAll()
    }
    /// While nothing can be noted: what is forgotten here is asked for again by sending again.
    mutating func keepNewest(_ count: Int) {
        stored = stored.suffix(count)
        refused = refused.suffix(count)
        words = words.suffix(count)
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

/// A stranger's text for a log or a terminal: a line of it, without what would move a cursor.
func printable(_ text: String, upTo most: Int) -> String {
    let safe = text.unicodeScalars.prefix(most).map { scalar in
        scalar.value < 32 || 127...159 ~= scalar.value ? " " : Character(scalar)
    }
    return String(safe) + (text.unicodeScalars.count > most ? "…" : "")
}
