/// A URL for logs, `status` and error messages: scheme, host and port only. The path and the query
/// may hold a webhook's secret, and the part before the host a user and a password.
public func masked(url: String) -> String {
    let start = url.firstRange(of: "://")?.upperBound ?? url.startIndex
    let authority = url[start...].prefix { !"/?#".contains($0) }
    let rest = url[authority.endIndex...]
    let host = authority.lastIndex(of: "@").map { "…" + authority[$0...] } ?? String(authority)
    return url[..<start] + host + (rest.isEmpty || rest == "/" ? rest : "/…")
}
