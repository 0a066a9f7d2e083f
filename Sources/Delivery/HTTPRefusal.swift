import Contract
import HTTP

/// Explains an HTTP response that is no receipt to a technician: what was found, and what to do.
/// Each text is a sentence without its full stop.
struct HTTPRefusal {
    /// The centre's url in the configuration.
    var url: String
    var authorization: HTTPAuthorization.Method
    var hasCertificate: Bool
    /// The name of the centre's own form; nil without one.
    var form: String?

    /// The status, and the beginning of the centre's text: the reason that is stored with a refused
    /// event.
    static func summary(_ response: HTTPClient.Response) -> String {
        let text = printable(String(decoding: response.body.prefix(400), as: UTF8.self), upTo: 200)
        let isVisible = text.unicodeScalars.contains { !$0.properties.isWhitespace }
        return "HTTP \(response.status)" + (isVisible ? " \(text)" : "")
    }

    func sentence(_ response: HTTPClient.Response) -> String {
        if 200..<300 ~= response.status {
            return "\(Self.summary(response)) is no receipt by the success: of form '\(form ?? "")'"
        }
        let head =
            response.status == 401 || response.status == 403 ? "" : "HTTP \(response.status): "
        return head + meaning(response) + Self.quotation(response.body)
    }

    private func meaning(_ response: HTTPClient.Response) -> String {
        switch response.status {
        case 300..<400:
            let target =
                response.headers["location"].map { "it points to \(shown($0)), and " } ?? ""
            return
                "\(target)the gateway follows no redirection. Put the centre's real address into url"
        case 401: return "the centre does not recognise the gateway (HTTP 401)\(credentials)"
        case 403: return "the centre denies access (HTTP 403)\(credentials)"
        case 404, 410: return "the server has nothing at this path. Check the path of the url"
        case 405: return "the server takes no POST at this path. Check the path of the url"
        case 407:
            return
                "a proxy asks for authentication, and the gateway uses no proxy. Give the gateway a direct connection to the centre"
        case 413:
            return
                "the request is longer than the centre takes. Set a smaller batch, or have its limit raised"
        case 429: return "the centre has no room for more requests now"
        case 400..<500:
            return
                "the centre does not take the request. It must take events as docs/contract defines them; its own log shows the reason"
        case 502, 504:
            return
                "a proxy answers, and the centre behind it does not. The centre's operator must check the centre"
        case 503: return "the centre is not ready, or has no room"
        case 500..<600:
            return "an error inside the centre. The centre's operator must check its log"
        default: return "expected a 2xx"
        }
    }

    private var credentials: String {
        switch authorization {
        case .none where hasCertificate:
            ": our certificate (certificate_file) is not enough, and no token is set. Ask the centre's operator which credentials it needs"
        case .none:
            ", and no token is set. Set token_file or oauth, or certificate_file and key_file, as the centre's operator tells you"
        case .bearer:
            ": it does not take the token in token_file. Put the right one there; the file is read again for the next attempt"
        case .clientCredentials:
            ": it does not take the token that token_url gives us. Ask the centre's operator whether client_id and scope are right"
        }
    }

    /// The target of a redirection, without its query and without a part of the url that may be
    /// secret.
    private func shown(_ location: String) -> String {
        let plain = location.prefix { $0 != "?" && $0 != "#" }
        let path = url.drop { $0 != ":" }.dropFirst(3).drop { $0 != "/" }.prefix { $0 != "?" }
        if path.count > 1, plain.contains(path) {
            return "\(masked(url: String(plain))), with the path of the url in it"
        }
        return printable(String(plain), upTo: 200)
    }

    /// The beginning of the centre's text; empty for a web page.
    private static func quotation(_ body: [UInt8]) -> String {
        guard let first = body.first(where: { $0 > 32 }), first != UInt8(ascii: "<") else {
            return ""
        }
        return
            ". It says: \"\(printable(String(decoding: body.prefix(400), as: UTF8.self), upTo: 200))\""
    }
}
