import Elevator
import FoundationEssentials
import HTTP
import Logging
import Mosquitto

/// How a route shows an HTTPS centre who it is, beside a client certificate.
///
/// OAuth 2.0 client credentials (RFC 6749, 4.4) is what the northbound interface of GB/T 24476-2017 refers to; a token is fetched
/// before it is needed, and again half a minute before it ends.
public struct HTTPAuthorization {
    public enum Method: Sendable {
        case none
        case bearer(String)
        case clientCredentials(tokenURL: String, id: String, secret: String, scope: String?)
    }

    private struct Token: Decodable {
        var accessToken: String
        var expiresIn: Int?
    }

    private let method: Method
    private var token: (text: String, until: Int64)?
    private var request: HTTPClient.Ticket?
    private var nextAttempt: Int64 = 0
    private var backoff = Backoff()
    private var random = SystemRandomNumberGenerator()

    init(_ method: Method) { self.method = method }

    /// The value of the Authorization header.
    var header: String? {
        switch method {
        case .none: nil
        case .bearer(let token): "Bearer \(token)"
        case .clientCredentials: token.map { "Bearer \($0.text)" }
        }
    }

    private var tokenHost: String {
        if case .clientCredentials(let url, _, _, _) = method { String(url.prefix { $0 != "?" }) } else { "" }
    }

    func isReady(at now: Int64) -> Bool {
        guard case .clientCredentials = method else { return true }
        return token.map { now < $0.until } ?? false
    }

    /// The centre does not take it any more.
    mutating func discard() { token = nil }

    /// Asks for a token, if none is asked for already.
    mutating func request(by client: HTTPClient, at now: Int64) {
        guard case .clientCredentials(let url, let id, let secret, let scope) = method, request == nil,
            now >= nextAttempt
        else { return }
        var body = "grant_type=client_credentials"
        if let scope { body += "&scope=\(Self.formEncoded(scope))" }
        let credentials = Data("\(Self.formEncoded(id)):\(Self.formEncoded(secret))".utf8).base64EncodedString()
        do throws(HTTPClient.Failure) {
            request = try client.start(
                HTTPClient.Request(
                    url: url,
                    headers: [
                        ("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "application/json"),
                        ("Authorization", "Basic \(credentials)"),
                    ], body: Array(body.utf8)))
        } catch { nextAttempt = now + backoff.pause(at: now, using: &random).nanoseconds }
    }

    /// - Returns: whether the answer was to a request for a token.
    mutating func take(
        _ result: Result<HTTPClient.Response, HTTPClient.Failure>, of ticket: HTTPClient.Ticket, at now: Int64,
        _ log: Logger
    ) -> Bool {
        guard ticket == request else { return false }
        request = nil
        let problem: String
        switch result {
        case .failure(let failure): problem = failure.description
        case .success(let response):
            let decoder = JSONDecoder()
            decoder.keyDecodingStrategy = .convertFromSnakeCase
            if response.status == 200, let token = try? decoder.decode(Token.self, from: Data(response.body)) {
                let life = Duration.seconds(min(max(token.expiresIn ?? 3600, 10), 86_400))
                // A token that ends within a minute is used for half of its life.
                self.token = (token.accessToken, now + max(life - .seconds(30), life / 2).nanoseconds)
                backoff = Backoff()
                return true
            }
            problem = "HTTP \(response.status), expected 200 and {\"access_token\": …}"
        }
        let pause = backoff.pause(at: now, using: &random)
        nextAttempt = now + pause.nanoseconds
        log.warning("centre: no token from \(tokenHost): \(problem). Next attempt in \(pause.written).")
        return true
    }

    /// As a form's fields are written (RFC 6749, appendix B).
    private static func formEncoded(_ text: String) -> String {
        var encoded = ""
        for byte in text.utf8 {
            let character = Character(UnicodeScalar(byte))
            if character.isASCII, character.isLetter || character.isNumber || "-._*".contains(character) {
                encoded.append(character)
            } else {
                let digits = String(byte, radix: 16, uppercase: true)
                encoded += "%" + (digits.count == 1 ? "0" : "") + digits
            }
        }
        return encoded
    }
}
