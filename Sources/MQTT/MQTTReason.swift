import CMosquitto

/// Why a broker refused a request or ended a connection: a reason code of MQTT 5 (2.4), with its
/// meaning for a person.
public struct MQTTReason: Equatable, Sendable, CustomStringConvertible {
    public var code: UInt8
    /// The problem and what to do, as a sentence without its full stop.
    public var description: String

    /// Another client has connected with the same client id: the broker ends the older connection
    /// (MQTT 5, 3.1.4-3).
    public var isTakeover: Bool { code == UInt8(MQTT_RC_SESSION_TAKEN_OVER.rawValue) }
    public var isRetainNotSupported: Bool { code == UInt8(MQTT_RC_RETAIN_NOT_SUPPORTED.rawValue) }
    public var isQoSNotSupported: Bool { code == UInt8(MQTT_RC_QOS_NOT_SUPPORTED.rawValue) }

    /// The request to which the broker's reason belongs.
    enum Request {
        case connect, subscribe, publish
        /// None: the broker ended the connection.
        case stay
    }

    init(_ code: UInt8, to request: Request, _ options: MQTTClient.Options) {
        self.code = code
        description =
            Self.text(mqtt5_return_codes(UInt32(code)), request, options) ?? Self.libraryText(code)
    }

    private static func libraryText(_ code: UInt8) -> String {
        "\(String(cString: mosquitto_reason_string(Int32(code)))) (MQTT reason 0x\(String(code, radix: 16)))"
    }

    private static func text(
        _ code: mqtt5_return_codes, _ request: Request, _ options: MQTTClient.Options
    ) -> String? {
        switch (code, request) {
        case (MQTT_RC_BAD_USERNAME_OR_PASSWORD, _), (MQTT_RC_NOT_AUTHORIZED, .connect):
            options.username.map {
                "it does not let user '\($0)' in. Check username and password_file, and the broker's list of users"
            } ?? "it lets nobody in without a user and a password. Set username and password_file"
        case (MQTT_RC_NOT_AUTHORIZED, .subscribe):
            "its access list does not let us read there. Give our user that right"
        case (MQTT_RC_NOT_AUTHORIZED, .publish):
            "its access list does not let us write there. Give our user that right"
        case (MQTT_RC_UNSUPPORTED_PROTOCOL_VERSION, _):
            "it speaks no MQTT 5, which the gateway needs. mosquitto has it from version 1.6 on"
        case (MQTT_RC_CLIENTID_NOT_VALID, _):
            "it does not take the client id '\(options.clientID)'. Set client_id to one that it knows"
        case (MQTT_RC_SESSION_TAKEN_OVER, _):
            "another client has connected with our client id '\(options.clientID)'. Find it, and give each client an id of its own (client_id)"
        case (MQTT_RC_SERVER_SHUTTING_DOWN, _): "it is being stopped"
        case (MQTT_RC_SERVER_UNAVAILABLE, _), (MQTT_RC_SERVER_BUSY, _):
            "it has no room or is not ready"
        case (MQTT_RC_BANNED, _): "it has banned us. Ask its operator"
        case (MQTT_RC_ADMINISTRATIVE_ACTION, _): "its operator has ended the connection"
        case (MQTT_RC_KEEP_ALIVE_TIMEOUT, _): "it has received nothing from us for too long"
        case (MQTT_RC_QUOTA_EXCEEDED, _), (MQTT_RC_CONNECTION_RATE_EXCEEDED, _),
            (MQTT_RC_MESSAGE_RATE_TOO_HIGH, _):
            "we are over its quota. Have it raised for our user"
        case (MQTT_RC_PACKET_TOO_LARGE, _): "a packet was longer than it takes (max_packet_size)"
        case (MQTT_RC_RETAIN_NOT_SUPPORTED, _): "it keeps no retained messages"
        case (MQTT_RC_QOS_NOT_SUPPORTED, _): "it does not offer QoS 1"
        case (MQTT_RC_USE_ANOTHER_SERVER, _), (MQTT_RC_SERVER_MOVED, _):
            "it sends us to another server. Change the url"
        case (MQTT_RC_TOPIC_FILTER_INVALID, _), (MQTT_RC_TOPIC_NAME_INVALID, _):
            "it does not take such a topic"
        case (MQTT_RC_SHARED_SUBS_NOT_SUPPORTED, _): "it offers no shared subscriptions ($share)"
        case (MQTT_RC_WILDCARD_SUBS_NOT_SUPPORTED, _): "it offers no subscriptions with + and #"
        default: nil
        }
    }
}

/// A broker's answer to SUBSCRIBE, for one filter.
public enum MQTTGrant: Equatable, Sendable {
    case granted(qos: Int)
    case refused(MQTTReason)
}

/// The session and the broker's features, as CONNACK reports them (MQTT 5, 3.2.2.3).
public struct MQTTSession: Equatable, Sendable {
    /// The broker has kept the earlier session.
    public var isPresent = false
    public var retainIsAvailable = true
    public var highestQoS = 1

    init(isPresent: Bool, _ properties: OpaquePointer?) {
        self.isPresent = isPresent
        var value: UInt8 = 0
        if mosquitto_property_read_byte(
            properties, Int32(MQTT_PROP_RETAIN_AVAILABLE.rawValue), &value, false) != nil
        {
            retainIsAvailable = value != 0
        }
        if mosquitto_property_read_byte(
            properties, Int32(MQTT_PROP_MAXIMUM_QOS.rawValue), &value, false) != nil
        {
            highestQoS = Int(value)
        }
    }
    public init() {}
}
