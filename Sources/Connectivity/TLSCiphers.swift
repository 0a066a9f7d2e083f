/// The cipher suites of TLS 1.2 that the gateway accepts, as OpenSSL writes them.
public enum TLSCiphers {
    /// Suites with forward secrecy: a server's stolen key decrypts no earlier traffic. TLS 1.3 has
    /// no others.
    public static let withForwardSecrecy = "HIGH:!kRSA:!aNULL:!PSK:!SRP"
}
