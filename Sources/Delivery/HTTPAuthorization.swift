import FoundationEssentials
import HTTP
import LiftModel
import Logging
import MQTT

/// A route's authentication at an HTTPS centre, beside a client certificate.
///
/// The northbound interface of GB/T 24476-2017 refers to OAuth 2.0 client credentials (RFC 6749,
/// 4.4). A token is requested before it is needed, and again half a minute before it expires.
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
    /// The token, or the client's secret, as it was last read.
    private var secret: String
    /// Reads the secret's file; nil where it cannot be read.
    private let currentSecret: (@Sendable () -> String?)?
    private var token: (text: String, until: MonotonicTime)?
    private var request: HTTPClient.Ticket?
    /// A token is being requested.
    var isRequesting: Bool { request != nil }
    /// Why there is no token, a sentence without its full stop; nil where there is one, or none is
    /// needed.
    private(set) var problem: String?
    private var nextAttempt: MonotonicTime = .boot
    private var backoff = Backoff()
    private var troubles = TroubleLog()
    private var random = SystemRandomNumberGenerator()

    init(_ method: Method, currentSecret: (@Sendable () -> String?)? = nil) {
        self.method = method
        self.currentSecret = currentSecret
        secret =
            switch method {
            case .none: ""
            case .bearer(let token): token
            case .clientCredentials(_, _, let secret, _): secret
            }
    }

    /// The value of the Authorization header.
    var header: String? {
        switch method {
        case .none: nil
        case .bearer: "Bearer \(secret)"
        case .clientCredentials: token.map { "Bearer \($0.text)" }
        }
    }

    private var tokenHost: String {
        if case .clientCredentials(let url, _, _, _) = method { masked(url: url) } else { "" }
    }

    func isReady(at now: MonotonicTime) -> Bool {
        guard case .clientCredentials = method else { return true }
        return token.map { now < $0.until } ?? false
    }

    /// Reads the secret again and drops the token: the centre does not accept it, or it has
    /// changed.
    mutating func discard() {
        token = nil
        secret = currentSecret?() ?? secret
    }

    /// Ends the pause before the next request for a token.
    mutating func retryAtOnce() { nextAttempt = .boot }

    /// Requests a token, unless a request is in flight or the pause is not over.
    mutating func request(by client: HTTPClient, at now: MonotonicTime) {
        guard case .clientCredentials(let url, let id, _, let scope) = method, request == nil,
            now >= nextAttempt
        else { return }
        secret = currentSecret?() ?? secret
        var body = "grant_type=client_credentials"
        if let scope { body += "&scope=\(Self.formEncoded(scope))" }
        let credentials = Data("\(Self.formEncoded(id)):\(Self.formEncoded(secret))".utf8)
            .base64EncodedString()
        do throws(HTTPClient.Failure) {
            request = try client.start(
                HTTPClient.Request(
                    url: url,
                    headers: [
                        ("Content-Type", "application/x-www-form-urlencoded"),
                        ("Accept", "application/json"),
                        ("Authorization", "Basic \(credentials)"),
                    ], body: Array(body.utf8)))
        } catch { nextAttempt = now + backoff.pause(at: now, using: &random) }
    }

    /// Handles the response to a request for a token.
    /// - Returns: false where the ticket is of another request.
    mutating func handle(
        _ result: Result<HTTPClient.Response, HTTPClient.Failure>, of ticket: HTTPClient.Ticket,
        at now: MonotonicTime,
        of centre: String, _ log: Logger
    ) -> Bool {
        guard ticket == request else { return false }
        request = nil
        let reason: String
        switch result {
        case .failure(let failure): reason = failure.description
        case .success(let response):
            let decoder = JSONDecoder()
            decoder.keyDecodingStrategy = .convertFromSnakeCase
            if response.status == 200,
                // What else the body holds is not said: it may contain a token.
                let token = try? decoder.decode(Token.self, from: Data(response.body))
            {
                let lifetime = Duration.seconds(min(max(token.expiresIn ?? 3600, 10), 86_400))
                // A token that expires within a minute is used for half of its lifetime.
                self.token = (
                    token.accessToken, now + max(lifetime - .seconds(30), lifetime / 2)
                )
                backoff = Backoff()
                problem = nil
                troubles.reset()
                return true
            }
            let advice =
                400..<404 ~= response.status
                ? "Ask the centre's operator whether client_id, client_secret_file and scope are right"
                : "Check token_url"
            // Without the body, which may contain a token.
            reason = "HTTP \(response.status), expected 200 and {\"access_token\": …}. \(advice)"
        }
        let pause = backoff.pause(at: now, using: &random)
        nextAttempt = now + pause
        let text = "no token from \(tokenHost): \(reason)"
        problem = text
        if let line = troubles.line(text + ".", nextIn: pause, at: now) {
            log.warning("\(centre): \(line)")
        }
        return true
    }

    /// Encodes a text as application/x-www-form-urlencoded (RFC 6749, appendix B).
    private static func formEncoded(_ text: String) -> String {
        var encoded = ""
        for byte in text.utf8 {
            let character = Character(UnicodeScalar(byte))
            if character.isASCII,
                character.isLetter || character.isNumber || "-._*".contains(character)
            {
                encoded.append(character)
            } else {
                let digits = String(byte, radix: 16, uppercase: true)
                encoded += "%" + (digits.count == 1 ? "0" : "") + digits
            }
        }
        return encoded
    }
}
