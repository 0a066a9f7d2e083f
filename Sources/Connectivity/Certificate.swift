import CSSL
import LiftModel

/// The parts of an X.509 certificate that a person needs to know.
public struct Certificate: Equatable, Sendable {
    /// Its subject and issuer, as OpenSSL writes them: `CN=broker.example,O=Plaza`.
    public var subject: String
    public var issuer: String
    public var validFrom: Instant
    public var validUntil: Instant
    /// The host names and addresses it is made for; where it has none, its common name.
    public var names: [String]

    /// - Parameter handle: OpenSSL's X509; the caller keeps its ownership.
    init(_ handle: OpaquePointer) {
        subject = Self.text(X509_get_subject_name(handle))
        issuer = Self.text(X509_get_issuer_name(handle))
        validFrom = Self.time(X509_get0_notBefore(handle))
        validUntil = Self.time(X509_get0_notAfter(handle))
        names = Self.names(of: handle)
        if names.isEmpty,
            let common = subject.split(separator: ",").first(where: { $0.hasPrefix("CN=") })
        {
            names = [String(common.dropFirst(3))]
        }
    }

    /// `2026-01-01T00:00:00.000Z to 2027-…`.
    var validity: String { "\(validFrom.rfc3339) to \(validUntil.rfc3339)" }

    private static func text(_ name: OpaquePointer?) -> String {
        guard let name, let output = BIO_new(BIO_s_mem()) else { return "" }
        defer { BIO_free(output) }
        hoistway_print_name(output, name)
        var bytes = [UInt8](repeating: 0, count: 400)
        let count = BIO_read(output, &bytes, Int32(bytes.count))
        return String(decoding: bytes.prefix(max(0, Int(count))), as: UTF8.self)
    }

    /// - Parameter time: within the certificate's memory; it is read before that is freed.
    private static func time(_ time: UnsafePointer<ASN1_TIME>?) -> Instant {
        // A time that cannot be read becomes 1970, so that the certificate is valid at no time. "No
        // expiry" (9999, RFC 5280 4.1.2.5) is beyond the range of an Instant.
        Instant(
            nanoseconds: min(max(0, Int64(hoistway_asn1_seconds(time))), 9_200_000_000)
                * 1_000_000_000)
    }

    private static func names(of handle: OpaquePointer) -> [String] {
        guard let list = X509_get_ext_d2i(handle, NID_subject_alt_name, nil, nil) else { return [] }
        let names = OpaquePointer(list)
        defer { GENERAL_NAMES_free(names) }
        return (0..<hoistway_name_count(names)).compactMap { index in
            var type: Int32 = 0
            guard let value = hoistway_name(names, index, &type),
                let start = ASN1_STRING_get0_data(value)
            else {
                return nil
            }
            // OpenSSL's memory, valid until the list is freed.
            let bytes = UnsafeBufferPointer(start: start, count: Int(ASN1_STRING_length(value)))
            switch type {
            case GEN_DNS: return String(decoding: bytes, as: UTF8.self)
            case GEN_IPADD where bytes.count == 4:
                return bytes.map { "\($0)" }.joined(separator: ".")
            case GEN_IPADD:
                return stride(from: 0, to: bytes.count & ~1, by: 2)
                    .map { String(Int(bytes[$0]) << 8 | Int(bytes[$0 + 1]), radix: 16) }.joined(
                        separator: ":")
            default: return nil
            }
        }
    }
}
