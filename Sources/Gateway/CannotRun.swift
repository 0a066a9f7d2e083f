/// Why the gateway cannot run here now, though its files are right: another one runs, or this is
/// the wrong user. A whole sentence.
struct CannotRun: Error, CustomStringConvertible {
    var description: String
}
