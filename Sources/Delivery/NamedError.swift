import Contract
import Encoding

/// An error in the body of a 2xx, as some platforms write it: `{"code":500,"msg":"…"}`,
/// `{"success":false}`, `{"error":"…"}`.
///
/// By the contract the 2xx is the receipt, and it counts. Only a person knows what such a body
/// means, and can state it with `success:` in the centre's form. So the body is reported to the
/// technician.
enum NamedError {
    /// Parts of texts that name an error: "failed", "FAILURE", "unauthorised". Another text, as
    /// "stored" or "queued", is no error.
    private static let errorFragments = [
        "err", "fail", "den", "invalid", "unauthor", "forbid", "refus", "reject", "not found",
        "exception",
    ]
    private static func isError(_ text: String) -> Bool {
        let text = text.lowercased()
        return errorFragments.contains { text.contains($0) }
    }
    private static let successKeys = ["success", "ok", "succeeded", "issuccess"]
    private static let codeKeys = [
        "code", "errcode", "errorcode", "error_code", "err_code", "resultcode", "result_code",
        "status", "statuscode",
    ]
    private static let errorKeys = ["error", "errors", "err", "exception"]

    /// - Returns: a sentence for a technician; nil where no error is named.
    static func remark(on body: [UInt8]) -> String? {
        member(of: body).map {
            "The centre answers 2xx with a body that names an error (\($0)), and by the contract that is a receipt. If it has not stored the event, say how it shows in a form: success: { field: …, equals: … }."
        }
    }

    /// - Returns: the first member of the body's object that names an error, as `"code": 500`; nil
    ///   where none does.
    static func member(of body: [UInt8]) -> String? {
        // `ForeignBody` reports a body that is no JSON.
        guard case .object(let members)? = JSONValue(answer: body) else { return nil }
        for (key, value) in members.sorted(by: { $0.key < $1.key }) {
            let name = key.lowercased()
            if successKeys.contains(name), let text = denial(value) { return "\"\(key)\": \(text)" }
            if codeKeys.contains(name), let text = badCode(value) { return "\"\(key)\": \(text)" }
            if errorKeys.contains(name), let text = presence(value) { return "\"\(key)\": \(text)" }
        }
        return nil
    }

    private static func denial(_ value: JSONValue) -> String? {
        switch value {
        case .flag(false): "false"
        case .number(0): "0"
        case .text(let text) where ["false", "no", "0"].contains(text.lowercased()): "\"\(text)\""
        default: nil
        }
    }

    /// 0, 200 to 299, and texts that name no error are good.
    private static func badCode(_ value: JSONValue) -> String? {
        func isGood(_ number: Double) -> Bool { number == 0 || 200..<300 ~= number }
        switch value {
        case .number(let number):
            return isGood(number)
                ? nil : "\(Int(exactly: number).map(String.init) ?? String(number))"
        case .text(let text):
            if let number = Double(text) { return isGood(number) ? nil : "\"\(text)\"" }
            // A code of letters and digits, as "E01", counts as an error.
            let isCode = text.contains(where: \.isNumber)
            return isError(text) || isCode ? "\"\(printable(text, upTo: 60))\"" : nil
        default: return nil
        }
    }

    private static func presence(_ value: JSONValue) -> String? {
        switch value {
        case .nothing, .flag(false), .number(0), .list([]): nil
        case .flag(true): "true"
        case .number(let number): "\(number)"
        case .text(let text):
            ["", "0", "no", "none", "false", "null", "ok", "success"].contains(text.lowercased())
                ? nil : "\"\(printable(text, upTo: 60))\""
        case .list, .object, .deep, .unreadable: "…"
        }
    }
}
