#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <time.h>

// What OpenSSL offers as macros, which Swift does not see.

static inline int hoistway_ssl_set_host_name(SSL *ssl, const char *name) {
    return SSL_set_tlsext_host_name(ssl, name);
}
static inline int hoistway_ssl_context_set_least_version(SSL_CTX *context, int version) {
    return SSL_CTX_set_min_proto_version(context, version);
}
/// The reason in an error's code, of `SSL_R_…` when the library is `ERR_LIB_SSL`.
static inline int hoistway_error_reason(unsigned long code) { return ERR_GET_REASON(code); }
static inline int hoistway_error_is_of_ssl(unsigned long code) { return ERR_GET_LIB(code) == ERR_LIB_SSL; }

/// Seconds since 1970, or -1 for a time that cannot be read.
static inline long long hoistway_asn1_seconds(const ASN1_TIME *time) {
    struct tm parts;
    return ASN1_TIME_to_tm(time, &parts) == 1 ? (long long)timegm(&parts) : -1;
}

/// How many names a certificate is made for (DNS names and addresses), and one of them as text, or null.
static inline int hoistway_name_count(const GENERAL_NAMES *names) { return names ? sk_GENERAL_NAME_num(names) : 0; }
static inline const ASN1_STRING *hoistway_name(const GENERAL_NAMES *names, int index, int *type) {
    return (const ASN1_STRING *)GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, index), type);
}

/// A distinguished name as text (RFC 2253), in UTF-8.
static inline int hoistway_print_name(BIO *output, const X509_NAME *name) {
    return X509_NAME_print_ex(output, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
}
