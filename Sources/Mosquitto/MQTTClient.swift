import CMosquitto

/// What a client hears. Called inside `MQTTClient.read()`, `write()` and `keepAlive()`, on the thread that called them.
public protocol MQTTClientDelegate: AnyObject {
    func connected(sessionPresent: Bool)
    /// The broker refused the connection (a CONNACK with a reason other than success).
    func refused(_ reason: String)
    func disconnected(_ reason: String)
    func subscribed(_ mid: Int32, accepted: Bool)
    /// The broker has the message that `publish` gave this id.
    func published(_ mid: Int32)
    /// The bytes are valid until this returns.
    func received(topic: Span<UInt8>, payload: Span<UInt8>, qos: Int, isRetained: Bool, mid: Int)
}

/// One MQTT 5 connection over libmosquitto, driven by its owner's own poll loop.
///
/// Why not the library's loop: it acknowledges before it hands a message over, and it ends for good on a TLS or protocol
/// error (`mosquitto_loop_forever`). Here reading, writing and keeping alive are three calls. After
/// `mosquitto_threaded_set(true)` a PUBACK is only queued by `read()` and leaves with `write()`: so whoever reads, commits,
/// and then writes has acknowledged only what is durable. Between the two nothing may be written at all: any write releases
/// what is queued.
///
/// Confined to one thread; `connect()` blocks (name look-up, TCP, TLS) and may be called from another while no other call is made.
public final class MQTTClient {
    public struct Options: Sendable {
        public var url: BrokerURL
        public var clientID: String
        public var username: String?
        public var password: String?
        public var caFile: String?
        public var certificateFile: String?
        public var keyFile: String?
        /// How long the broker keeps the session while we are away; 0 ends it with the connection.
        public var sessionExpiry: Duration = .seconds(7 * 86_400)
        /// QoS 1 messages the broker may send before it waits for an acknowledgement.
        public var receiveMaximum = 1000
        /// Bytes of the longest packet the broker may send. The library holds one whole in memory before anybody sees it.
        public var maximumPacket = 256 << 10
        public var keepAlive: Duration = .seconds(60)
        public var will: (topic: String, payload: [UInt8])?

        public init(url: BrokerURL, clientID: String) {
            self.url = url
            self.clientID = clientID
        }
    }

    public let options: Options
    public weak var delegate: (any MQTTClientDelegate)?
    /// libmosquitto's handle; owned, freed in deinit.
    private let handle: OpaquePointer
    private var tlsFailure: MQTTError?
    /// Calls of the delegate so far: whether a read has brought anything.
    fileprivate var callbacks = 0

    /// Counts the library's users: `mosquitto_lib_init` once, before the first.
    private static let libraryIsReady: Bool = mosquitto_lib_init() == MOSQ_ERR_SUCCESS.rawValue

    public init(_ options: Options, delegate: (any MQTTClientDelegate)? = nil) throws(MQTTError) {
        self.options = options
        self.delegate = delegate
        guard Self.libraryIsReady, let handle = mosquitto_new(options.clientID, false, nil) else {
            throw MQTTError(MOSQ_ERR_NOMEM.rawValue, doing: "creating a client")
        }
        self.handle = handle
        mosquitto_user_data_set(handle, Unmanaged.passUnretained(self).toOpaque())
        mosquitto_int_option(handle, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5)
        mosquitto_int_option(handle, MOSQ_OPT_RECEIVE_MAXIMUM, Int32(options.receiveMaximum))
        mosquitto_int_option(handle, MOSQ_OPT_TCP_NODELAY, 1)
        mosquitto_threaded_set(handle, true)
        installCallbacks(handle)
        if let username = options.username { mosquitto_username_pw_set(handle, username, options.password) }
        if let will = options.will {
            mosquitto_will_set_v5(handle, will.topic, Int32(will.payload.count), will.payload, 1, true, nil)
        }
    }

    deinit {
        mosquitto_user_data_set(handle, nil)
        mosquitto_destroy(handle)
    }

    /// -1 while there is no connection.
    public var socket: Int32 { mosquitto_socket(handle) }
    public var wantsWrite: Bool { mosquitto_want_write(handle) }

    // MARK: The connection

    /// Opens the connection and sends CONNECT; `connected` follows when CONNACK has been read. Blocks.
    public func connect() throws(MQTTError) {
        if options.url.usesTLS, tlsFailure == nil { try configureTLS() }
        var list: OpaquePointer?
        let expiry = UInt32(clamping: options.sessionExpiry.components.seconds)
        if expiry > 0 {
            mosquitto_property_add_int32(&list, Int32(MQTT_PROP_SESSION_EXPIRY_INTERVAL.rawValue), expiry)
        }
        mosquitto_property_add_int32(
            &list, Int32(MQTT_PROP_MAXIMUM_PACKET_SIZE.rawValue), UInt32(clamping: options.maximumPacket))
        defer { mosquitto_property_free_all(&list) }
        let keepAlive = Int32(options.keepAlive.components.seconds)
        let result = mosquitto_connect_bind_v5(handle, options.url.host, Int32(options.url.port), keepAlive, nil, list)
        if result != MOSQ_ERR_SUCCESS.rawValue { throw MQTTError(result, doing: "connecting to \(options.url)") }
    }

    private func configureTLS() throws(MQTTError) {
        let result: Int32
        if options.caFile == nil, options.certificateFile == nil {
            result = mosquitto_int_option(handle, MOSQ_OPT_TLS_USE_OS_CERTS, 1)
        } else {
            result = mosquitto_tls_set(
                handle, options.caFile, options.caFile == nil ? "/etc/ssl/certs" : nil, options.certificateFile,
                options.keyFile, nil)
        }
        if result != MOSQ_ERR_SUCCESS.rawValue {
            let files = [options.caFile, options.certificateFile, options.keyFile].compactMap { $0 }
            let missing = files.first { !isReadableFile($0) }.map { " (\($0) cannot be read)" } ?? ""
            throw MQTTError(result, doing: "loading the certificates for \(options.url)\(missing)")
        }
        // 1 = SSL_VERIFY_PEER. TLS 1.2 is the least that is safe; nil lets OpenSSL take the newest both know.
        mosquitto_tls_opts_set(handle, 1, nil, nil)
    }

    /// Reads what the socket holds, up to some packets, and calls the delegate. Acknowledges nothing yet.
    public func read(upTo most: Int = 1) throws(MQTTError) {
        for _ in 0..<most {
            let before = callbacks
            let result = mosquitto_loop_read(handle, 1)
            if result != MOSQ_ERR_SUCCESS.rawValue { throw MQTTError(result, doing: "reading from \(options.url)") }
            // A packet that calls nobody ends the round early, too; poll says whether there is more.
            if callbacks == before { return }
        }
    }

    /// Writes what is queued: acknowledgements, publications, pings.
    public func write() throws(MQTTError) {
        guard mosquitto_want_write(handle) else { return }
        // The library writes each packet by itself: a thousand acknowledgements would be a thousand segments.
        let socket = mosquitto_socket(handle)
        cork(socket, true)
        defer { cork(socket, false) }
        // Without a socket there is nobody to write to; the library says so with success once it is disconnecting, and for ever.
        while mosquitto_want_write(handle), mosquitto_socket(handle) >= 0 {
            let before = mosquitto_socket(handle)
            let result = mosquitto_loop_write(handle, 1)
            if result != MOSQ_ERR_SUCCESS.rawValue { throw MQTTError(result, doing: "writing to \(options.url)") }
            // A full socket buffer: what is left waits until poll says that the socket can be written.
            if mosquitto_want_write(handle), before >= 0, !isWritable(before) { return }
        }
    }

    /// Pings when it is time, and notices a broker that no longer answers. Writes.
    public func keepAlive() throws(MQTTError) {
        let result = mosquitto_loop_misc(handle)
        if result != MOSQ_ERR_SUCCESS.rawValue { throw MQTTError(result, doing: "keeping \(options.url) alive") }
    }

    /// Ends the connection in an orderly way; the last will is not sent.
    public func disconnect() { mosquitto_disconnect_v5(handle, 0, nil) }

    /// Drops the socket: what was not acknowledged stays owed, and the last will is sent.
    public func drop() {
        let descriptor = mosquitto_socket(handle)
        if descriptor >= 0 { shutdownSocket(descriptor) }
    }

    // MARK: Messages

    /// Asks for topics at QoS 1. Retained messages are sent for a new subscription only (Retain Handling 1).
    public func subscribe(_ filter: String) throws(MQTTError) -> Int32 {
        var mid: Int32 = 0
        let sendRetainedIfNew: Int32 = 0x10
        let result = mosquitto_subscribe_v5(handle, &mid, filter, 1, sendRetainedIfNew, nil)
        if result != MOSQ_ERR_SUCCESS.rawValue { throw MQTTError(result, doing: "subscribing to \(filter)") }
        return mid
    }

    /// Hands a message over to the library. The owner keeps the number under way bounded: the library does not.
    /// - Returns: the id that `published` will name (QoS 1).
    /// - Parameters:
    ///   - expiry: a broker that has not brought it there by then drops it.
    ///   - contentType: the MQTT 5 property of that name.
    public func publish(
        _ payload: borrowing [UInt8], to topic: String, qos: Int32 = 1, retain: Bool = false, expiry: Duration? = nil,
        contentType: String? = nil
    ) throws(MQTTError) -> Int32 {
        var mid: Int32 = 0
        var properties: OpaquePointer?
        defer { mosquitto_property_free_all(&properties) }
        if let expiry {
            mosquitto_property_add_int32(
                &properties, Int32(MQTT_PROP_MESSAGE_EXPIRY_INTERVAL.rawValue),
                UInt32(clamping: expiry.components.seconds))
        }
        if let contentType {
            mosquitto_property_add_string(&properties, Int32(MQTT_PROP_CONTENT_TYPE.rawValue), contentType)
        }
        let count = Int32(payload.count)
        let result = payload.withUnsafeBytes {
            mosquitto_publish_v5(handle, &mid, topic, count, $0.baseAddress, qos, retain, properties)
        }
        if result != MOSQ_ERR_SUCCESS.rawValue { throw MQTTError(result, doing: "publishing to \(topic)") }
        return mid
    }
}

/// What libmosquitto said, in its words and ours.
public struct MQTTError: Error, CustomStringConvertible, Sendable {
    public var code: Int32
    public var doing: String
    public var systemError: Int32

    init(_ code: Int32, doing: String) {
        self.code = code
        self.doing = doing
        systemError = lastSystemError()
    }

    /// The certificate, the handshake, or the clock: `mosquitto_loop_forever` would give up for good here.
    public var concernsTLS: Bool {
        [MOSQ_ERR_TLS.rawValue, MOSQ_ERR_TLS_HANDSHAKE.rawValue, MOSQ_ERR_OCSP.rawValue].contains(code)
    }

    /// The broker has said that it takes no packet as long as this one.
    public var isOversize: Bool { code == MOSQ_ERR_OVERSIZE_PACKET.rawValue }

    public var description: String {
        let reason =
            code == MOSQ_ERR_ERRNO.rawValue ? systemErrorText(systemError) : String(cString: mosquitto_strerror(code))
        let hint =
            concernsTLS
            ? " Check the certificates, and this box's clock: a box that thinks it is 1970 finds no certificate valid yet."
            : ""
        return "\(doing): \(reason)\(reason.hasSuffix(".") ? "" : ".")\(hint)"
    }
}

/// The library's C callbacks. Written as free functions: a closure could inherit an actor from where it stands.
private func installCallbacks(_ handle: OpaquePointer) {
    mosquitto_connect_v5_callback_set(handle) { _, user, reason, flags, _ in
        guard let delegate = client(user)?.delegate else { return }
        if reason == 0 {
            delegate.connected(sessionPresent: flags & 1 != 0)
        } else {
            delegate.refused(String(cString: mosquitto_reason_string(reason)))
        }
    }
    mosquitto_disconnect_v5_callback_set(handle) { _, user, reason, _ in
        client(user)?.delegate?.disconnected(
            reason == 0
                ? "closed"
                : String(cString: reason < 0x80 ? mosquitto_strerror(reason) : mosquitto_reason_string(reason)))
    }
    mosquitto_subscribe_v5_callback_set(handle) { _, user, mid, count, granted, _ in
        let accepted = granted.map { granted in (0..<Int(count)).allSatisfy { granted[$0] < 0x80 } } ?? false
        client(user)?.delegate?.subscribed(mid, accepted: accepted)
    }
    mosquitto_publish_v5_callback_set(handle) { _, user, mid, _, _ in client(user)?.delegate?.published(mid) }
    mosquitto_message_v5_callback_set(handle) { _, user, message, _ in
        guard let message = message?.pointee, let delegate = client(user)?.delegate, let topic = message.topic else {
            return
        }
        // The library's own memory, valid inside this call: wrapped without a copy.
        var length = 0
        while topic[length] != 0 { length += 1 }
        let topicBytes = UnsafeRawPointer(topic).assumingMemoryBound(to: UInt8.self)
        let payload = UnsafeBufferPointer(
            start: message.payload?.assumingMemoryBound(to: UInt8.self),
            count: message.payload == nil ? 0 : Int(message.payloadlen))
        delegate.received(
            topic: UnsafeBufferPointer(start: topicBytes, count: length).span, payload: payload.span,
            qos: Int(message.qos), isRetained: message.retain, mid: Int(message.mid))
    }
}

private func client(_ user: UnsafeMutableRawPointer?) -> MQTTClient? {
    // Set from `self` in init and cleared in deinit, so what it points to is alive.
    guard let client = user.map({ Unmanaged<MQTTClient>.fromOpaque($0).takeUnretainedValue() }) else { return nil }
    client.callbacks &+= 1
    return client
}
