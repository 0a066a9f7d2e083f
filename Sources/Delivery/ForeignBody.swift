import Contract
import Encoding
import HTTP

/// The body of a 2xx that is no answer of a centre: a web page, or a text.
///
/// By the contract the 2xx is the receipt, and it counts. But a login page answers like this, too,
/// so the body is reported to the technician. `NamedError` checks JSON; a plain yes like `OK`
/// counts as an empty body.
enum ForeignBody {
    private static let yes: Set = [
        "ok", "okay", "success", "succeeded", "successful", "done", "accepted", "received",
        "stored", "created",
        "queued",
        "true", "yes",
    ]

    /// - Returns: a sentence for a technician; nil for JSON, and for a plain yes.
    static func remark(on response: HTTPClient.Response, from url: String) -> String? {
        guard JSONValue(answer: response.body) == nil, !saysYes(response.body) else { return nil }
        return
            "The centre answers \(response.status) with a body that is no answer of a centre (\"\(beginning(of: response.body))\"), and by the contract that is a receipt. Look whether \(masked(url: url)) is the right place; docs/contract has what a centre answers."
    }

    static func saysYes(_ body: [UInt8]) -> Bool {
        yes.contains(
            beginning(of: body).lowercased().filter { !$0.isWhitespace && !".!\"".contains($0) })
    }

    private static func beginning(of body: [UInt8]) -> String {
        printable(String(decoding: body.prefix(400), as: UTF8.self), upTo: 60)
    }
}
