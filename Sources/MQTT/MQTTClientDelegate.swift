/// Receives a client's events, inside `MQTTClient.read()`, `write()` and `keepAlive()` and on the
/// thread that called them.
public protocol MQTTClientDelegate: AnyObject {
    func connected(_ session: MQTTSession)
    /// The broker refused the connection: CONNACK with a reason other than success.
    func refused(_ reason: MQTTReason)
    /// - Parameter reason: the broker's reason; nil where the broker gave none.
    func disconnected(_ reason: MQTTReason?)
    func subscribed(_ mid: Int32, _ grant: MQTTGrant)
    /// The broker has answered the message to which `publish` gave this id.
    func published(_ mid: Int32, _ answer: MQTTPublicationAnswer)
    /// The bytes are valid until this returns.
    func received(topic: Span<UInt8>, payload: Span<UInt8>, qos: Int, isRetained: Bool, mid: Int)
}

/// A broker's answer to a publication (PUBACK).
public enum MQTTPublicationAnswer: Equatable, Sendable {
    case accepted
    /// Accepted, and no client subscribes to the topic (MQTT 5, 3.4.2.1).
    case acceptedUnread
    case refused(MQTTReason)

    public var refusal: MQTTReason? { if case .refused(let reason) = self { reason } else { nil } }
}
