/// Whether a gateway runs on a state folder, by its lock, which exists also where the status file
/// cannot be written.
public enum GatewayPresence: Sendable {
    case running, absent
    /// This user may not see it.
    case hidden

    public init(stateFolder: String, runtimeFolder: String) {
        self = InstanceLock.presence(in: stateFolder, or: runtimeFolder)
    }
}
