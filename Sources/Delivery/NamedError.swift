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
    /// "stored", "queued" or "transferred", is no error.
    private static let errorFragments = [
        "error", "fail", "denied", "invalid", "unauthor", "forbid", "refus", "reject", "not found",
        "exception",
    ]
    /// Whole texts that name an error.
    private static let errorWords: Set = ["err", "false", "no", "nok", "ng", "ko"]
    private static func isError(_ text: String) -> Bool {
        let text = text.lowercased()
        return errorWords.contains(text) || errorFragments.contains { text.contains($0) }
    }
    private static let successKeys: Set = ["success", "ok", "succeeded", "issuccess"]
    /// Keys whose value is a code, and 0 or 2xx in case of success.
    private static let codeKeys: Set = [
        "code", "errcode", "errorcode", "error_code", "err_code", "resultcode", "result_code",
        "status", "statuscode", "status_code", "errno", "retcode", "ret_code",
    ]
    /// Keys of the same kind whose text may also be an id or a word of any kind.
    private static let outcomeKeys: Set = ["ret", "result", "state"]
    private static let errorKeys: Set = ["error", "errors", "err", "exception"]

    /// - Returns: a sentence for a technician; nil where no error is named.
    static func remark(on body: [UInt8]) -> String? {
        member(of: body).map {
            "The centre answers 2xx with a body that names an error (\($0)), and by the contract that is a receipt. If it has not stored the event, give the centre a form (key form) that names how it says yes: success: { field: …, equals: … }."
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
            let isOutcome = outcomeKeys.contains(name)
            if isOutcome || codeKeys.contains(name), let text = badCode(value, isOutcome: isOutcome)
            {
                return "\"\(key)\": \(text)"
            }
            if errorKeys.contains(name), let text = presence(value) { return "\"\(key)\": \(text)" }
        }
        return nil
    }

    private static func denial(_ value: JSONValue) -> String? {
        switch value {
        case .flag(false): "false"
        case .number(0): "0"
        case .text(let text) where text == "0" || isError(text):
            "\"\(printable(text, upTo: 60))\""
        default: nil
        }
    }

    private static func written(_ number: Double) -> String {
        Int(exactly: number).map(String.init) ?? String(number)
    }

    /// 0, 200 to 299, and texts that name no error are good.
    private static func badCode(_ value: JSONValue, isOutcome: Bool) -> String? {
        func isGood(_ number: Double) -> Bool { number == 0 || 200..<300 ~= number }
        switch value {
        case .number(let number):
            return isGood(number) ? nil : written(number)
        case .flag(false): return "false"
        case .text(let text):
            if let number = Double(text) { return isGood(number) ? nil : "\"\(text)\"" }
            // A code of letters and digits, as "E01", counts as an error.
            let isCode = !isOutcome && text.contains(where: \.isNumber)
            return isError(text) || isCode ? "\"\(printable(text, upTo: 60))\"" : nil
        default: return nil
        }
    }

    private static func presence(_ value: JSONValue) -> String? {
        switch value {
        case .nothing, .flag(false), .number(0), .list([]): nil
        case .flag(true): "true"
        case .number(let number): written(number)
        case .text(let text):
            ["", "0", "no", "none", "false", "null", "ok", "success"].contains(text.lowercased())
                ? nil : "\"\(printable(text, upTo: 60))\""
        case .list, .object, .deep, .unreadable: "…"
        }
    }
}
