import CMosquitto
import Connectivity

/// One MQTT 5 connection over libmosquitto, driven by its owner's poll loop.
///
/// The library's loop (`mosquitto_loop_forever`) is not used: it acknowledges a message before it
/// delivers it, and a TLS or protocol error ends it for good. Here `read`, `write` and `keepAlive`
/// are three calls. After `mosquitto_threaded_set(true)` a `read()` only queues a PUBACK, and
/// `write()` sends it. So an owner that reads, commits and then writes acknowledges only durable
/// messages. Between read and commit nothing may be written: each write sends all that is queued.
///
/// Confined to one thread. `connect()` blocks (name look-up, TCP, TLS); another thread may call it
/// while no other call is made.
public final class MQTTClient {
    public struct Options: Sendable {
        public var url: BrokerURL
        public var clientID: String
        public var username: String?
        public var password: String?
        /// Reads the password from its file again; where that gives nil, `password` is used.
        public var currentPassword: (@Sendable () -> String?)?
        public var caFile: String?
        public var certificateFile: String?
        public var keyFile: String?
        /// How long the broker keeps the session without a connection; 0 ends it with the
        /// connection.
        public var sessionExpiry: Duration = .seconds(7 * 86_400)
        /// QoS 1 messages that the broker may send before it waits for an acknowledgement.
        public var receiveMaximum = 1000
        /// Bytes of the longest packet that the broker may send. The library holds a whole packet
        /// in memory before it delivers it.
        public var maximumPacket = 256 << 10
        public var keepAlive: Duration = .seconds(60)
        public var will: (topic: String, payload: [UInt8])?
        /// A broker without retained messages or QoS 1 refuses a connection whose will asks for
        /// them.
        public var willIsRetained = true
        public var willQoS = 1

        public init(url: BrokerURL, clientID: String) {
            self.url = url
            self.clientID = clientID
        }

        public var tlsFiles: TLSFiles {
            TLSFiles(authority: caFile, certificate: certificateFile, key: keyFile)
        }
        /// A probe that finds out why a connection fails.
        public var probe: ServerProbe {
            ServerProbe(
                ServerAddress(host: url.host, port: url.port), usesTLS: url.usesTLS, files: tlsFiles
            )
        }
    }

    public let options: Options
    public weak var delegate: (any MQTTClientDelegate)?
    /// libmosquitto's handle; owned, freed in deinit.
    private let handle: OpaquePointer
    /// The session and the features of the broker, as of the last CONNACK.
    fileprivate(set) public var session = MQTTSession()
    /// The broker has answered CONNECT.
    fileprivate(set) public var hasAnswered = false
    /// The library's code for the end of the connection, where the broker gave no reason.
    fileprivate var silentEnd: Int32?
    /// Callbacks of the library so far. `read` compares it to see whether a packet called one.
    fileprivate var callbacks = 0

    /// Calls `mosquitto_lib_init` once, before the first client.
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
        if let username = options.username {
            mosquitto_username_pw_set(
                handle, username, options.currentPassword?() ?? options.password)
        }
        if let will = options.will {
            mosquitto_will_set_v5(
                handle, will.topic, Int32(will.payload.count), will.payload, Int32(options.willQoS),
                options.willIsRetained, nil)
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

    /// Opens the connection and sends CONNECT. The delegate's `connected` follows when `read` has
    /// read CONNACK. Blocks.
    public func connect() throws(MQTTError) {
        if options.url.usesTLS { try configureTLS() }
        var list: OpaquePointer?
        let expiry = UInt32(clamping: options.sessionExpiry.components.seconds)
        if expiry > 0 {
            mosquitto_property_add_int32(
                &list, Int32(MQTT_PROP_SESSION_EXPIRY_INTERVAL.rawValue), expiry)
        }
        mosquitto_property_add_int32(
            &list, Int32(MQTT_PROP_MAXIMUM_PACKET_SIZE.rawValue),
            UInt32(clamping: options.maximumPacket))
        defer { mosquitto_property_free_all(&list) }
        let keepAlive = Int32(options.keepAlive.components.seconds)
        let result = mosquitto_connect_bind_v5(
            handle, options.url.host, Int32(options.url.port), keepAlive, nil, list)
        if result != MOSQ_ERR_SUCCESS.rawValue {
            throw MQTTError(result, doing: "connecting to \(options.url)")
        }
    }

    private func configureTLS() throws(MQTTError) {
        // OpenSSL would ask the terminal for the password of an encrypted key, and wait.
        do throws(ServerProblem) { try options.tlsFiles.check() } catch {
            throw MQTTError(error, doing: "loading the certificates for \(options.url)")
        }
        let result: Int32
        if options.caFile == nil, options.certificateFile == nil {
            result = mosquitto_int_option(handle, MOSQ_OPT_TLS_USE_OS_CERTS, 1)
        } else {
            result = mosquitto_tls_set(
                handle, options.caFile, options.caFile == nil ? "/etc/ssl/certs" : nil,
                options.certificateFile,
                options.keyFile, nil)
        }
        if result != MOSQ_ERR_SUCCESS.rawValue {
            throw MQTTError(result, doing: "loading the certificates for \(options.url)")
        }
        // 1 = SSL_VERIFY_PEER. With nil OpenSSL negotiates the newest version, from TLS 1.2 on.
        mosquitto_tls_opts_set(handle, 1, nil, TLSCiphers.withForwardSecrecy)
    }

    /// Reads packets from the socket and calls the delegate. Acknowledges nothing yet.
    /// - Parameters:
    ///   - limit: the number of packets at most.
    ///   - hasRoom: called before each packet; false ends the reading.
    public func read(upTo limit: Int = 1, while hasRoom: () -> Bool = { true }) throws(MQTTError) {
        for _ in 0..<limit where hasRoom() {
            let before = callbacks
            let result = mosquitto_loop_read(handle, 1)
            if result != MOSQ_ERR_SUCCESS.rawValue {
                throw MQTTError(result, doing: "reading from \(options.url)")
            }
            // Nothing was read, or a packet without a callback; poll shows whether there is more.
            if callbacks == before { return }
        }
    }

    /// Writes what is queued: acknowledgements, publications, pings.
    public func write() throws(MQTTError) {
        guard mosquitto_want_write(handle) else { return }
        // The library writes each packet separately: a thousand acknowledgements would become a
        // thousand segments.
        let socket = mosquitto_socket(handle)
        cork(socket, true)
        defer { cork(socket, false) }
        // Checks the socket, too: without one, a disconnecting library returns success without end.
        while mosquitto_want_write(handle), mosquitto_socket(handle) >= 0 {
            let before = mosquitto_socket(handle)
            let result = mosquitto_loop_write(handle, 1)
            if result != MOSQ_ERR_SUCCESS.rawValue {
                throw MQTTError(result, doing: "writing to \(options.url)")
            }
            // The socket's buffer is full: the rest waits until poll reports that it can be
            // written.
            if mosquitto_want_write(handle), before >= 0, !isWritable(before) { return }
        }
    }

    fileprivate func reason(_ code: Int32, to request: MQTTReason.Request) -> MQTTReason {
        MQTTReason(UInt8(clamping: code), to: request, options)
    }

    /// Sends a ping when it is time, and detects a broker that no longer answers. Writes.
    public func keepAlive() throws(MQTTError) {
        let result = mosquitto_loop_misc(handle)
        if result != MOSQ_ERR_SUCCESS.rawValue {
            throw MQTTError(result, doing: "keeping \(options.url) alive")
        }
    }

    /// How the connection ended where the broker gave no reason; a sentence without its full stop.
    public var silentEndText: String {
        let isSilent = silentEnd == MOSQ_ERR_KEEPALIVE.rawValue
        switch (hasAnswered, isSilent) {
        case (false, true): return Self.noAnswer(options.url, within: options.keepAlive)
        case (false, false):
            return
                "\(options.url) ends the connection without an answer to ours: is it an MQTT broker of version 5?"
        case (true, true):
            return "\(options.url) has not answered for \(options.keepAlive.spanText)"
        case (true, false): return "\(options.url) closed the connection"
        }
    }

    /// A program accepts connections on the port and sends nothing; without a full stop.
    public static func noAnswer(_ url: BrokerURL, within time: Duration) -> String {
        "\(url) answers nothing on this port within \(time.spanText): is it an MQTT broker? If so, it hangs: restart it"
    }

    /// Ends the connection in an orderly way; the last will is not sent.
    public func disconnect() { mosquitto_disconnect_v5(handle, 0, nil) }

    /// Closes the socket. The broker sends unacknowledged messages again later, and publishes the
    /// last will.
    public func drop() {
        let descriptor = mosquitto_socket(handle)
        if descriptor >= 0 { shutdownSocket(descriptor) }
    }

    // MARK: Messages

    /// Subscribes at QoS 1. The broker sends retained messages for a new subscription only (Retain
    /// Handling 1).
    public func subscribe(_ filter: String) throws(MQTTError) -> Int32 {
        var mid: Int32 = 0
        let sendRetainedIfNew: Int32 = 0x10
        let result = mosquitto_subscribe_v5(handle, &mid, filter, 1, sendRetainedIfNew, nil)
        if result != MOSQ_ERR_SUCCESS.rawValue {
            throw MQTTError(result, doing: "subscribing to \(filter)")
        }
        return mid
    }

    /// Passes a message to the library. The owner must limit the number in flight: the library does
    /// not. QoS and retained flag are lowered to what the broker offers.
    /// - Returns: the id with which `published` will be called (QoS 1).
    /// - Parameters:
    ///   - expiry: the broker drops the message if it has not delivered it by then.
    ///   - contentType: the MQTT 5 property of that name.
    public func publish(
        _ payload: borrowing [UInt8], to topic: String, qos: Int32 = 1, retain: Bool = false,
        expiry: Duration? = nil,
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
            mosquitto_property_add_string(
                &properties, Int32(MQTT_PROP_CONTENT_TYPE.rawValue), contentType)
        }
        let count = Int32(payload.count)
        // libmosquitto copies the payload before it returns.
        let result = payload.withUnsafeBytes {
            mosquitto_publish_v5(
                handle, &mid, topic, count, $0.baseAddress, min(qos, Int32(session.highestQoS)),
                retain && session.retainIsAvailable, properties)
        }
        if result != MOSQ_ERR_SUCCESS.rawValue {
            throw MQTTError(result, doing: "publishing to \(topic)")
        }
        return mid
    }
}

/// An error of libmosquitto, with a text for a person.
public struct MQTTError: Error, CustomStringConvertible, Sendable {
    public var code: Int32
    public var doing: String
    public var systemError: Int32
    /// A fault of the client's own files, found before the library was called.
    public var problem: ServerProblem?

    init(_ code: Int32, doing: String) {
        self.code = code
        self.doing = doing
        systemError = lastSystemError()
    }

    init(_ problem: ServerProblem, doing: String) {
        self.init(MOSQ_ERR_TLS.rawValue, doing: doing)
        self.problem = problem
    }

    /// There was no memory for a packet: the broker sent a longer one than the client had
    /// announced.
    public var isGiantPacket: Bool { code == MOSQ_ERR_NOMEM.rawValue }

    /// The packet is longer than the broker's Maximum Packet Size.
    public var isOversize: Bool { code == MOSQ_ERR_OVERSIZE_PACKET.rawValue }

    public var description: String {
        let reason =
            problem?.description
            ?? (isGiantPacket
                ? "it sent a packet longer than we take; the connection is closed. Find the client that publishes such messages"
                : nil)
            ?? (code == MOSQ_ERR_ERRNO.rawValue
                ? systemErrorText(systemError) : String(cString: mosquitto_strerror(code)))
        return "\(doing): \(reason)\(reason.hasSuffix(".") ? "" : ".")"
    }
}

/// The library's C callbacks. They are free functions: a closure could inherit an actor's isolation
/// from its context.
private func installCallbacks(_ handle: OpaquePointer) {
    mosquitto_connect_v5_callback_set(handle) { _, user, reason, flags, properties in
        guard let client = client(user) else { return }
        client.hasAnswered = true
        if reason == 0 {
            client.session = MQTTSession(isPresent: flags & 1 != 0, properties)
            client.delegate?.connected(client.session)
        } else {
            client.delegate?.refused(client.reason(reason, to: .connect))
        }
    }
    mosquitto_disconnect_v5_callback_set(handle) { _, user, reason, _ in
        guard let client = client(user) else { return }
        // A code below 0x80 is the library's: the broker gave no reason.
        if reason < 0x80 { client.silentEnd = reason }
        client.delegate?.disconnected(reason < 0x80 ? nil : client.reason(reason, to: .stay))
    }
    mosquitto_subscribe_v5_callback_set(handle) { _, user, mid, count, granted, _ in
        guard let client = client(user) else { return }
        // Each SUBSCRIBE has one filter. An answer without a code counts as refused.
        let code = count > 0 ? granted?[0] ?? 0x80 : 0x80
        client.delegate?.subscribed(
            mid,
            code < 0x80 ? .granted(qos: Int(code)) : .refused(client.reason(code, to: .subscribe)))
    }
    mosquitto_publish_v5_callback_set(handle) { _, user, mid, reason, _ in
        guard let client = client(user) else { return }
        let answer: MQTTPublicationAnswer =
            if reason == Int32(MQTT_RC_NO_MATCHING_SUBSCRIBERS.rawValue) {
                .acceptedUnread
            } else {
                reason < 0x80 ? .accepted : .refused(client.reason(reason, to: .publish))
            }
        client.delegate?.published(mid, answer)
    }
    mosquitto_message_v5_callback_set(handle) { _, user, message, _ in
        guard let message = message?.pointee, let delegate = client(user)?.delegate,
            let topic = message.topic
        else {
            return
        }
        // The library's memory, valid during this call and wrapped without a copy.
        var length = 0
        while topic[length] != 0 { length += 1 }
        let topicBytes = UnsafeRawPointer(topic).assumingMemoryBound(to: UInt8.self)
        // As the topic: libmosquitto's memory during this call.
        let payload = UnsafeBufferPointer(
            start: message.payload?.assumingMemoryBound(to: UInt8.self),
            count: message.payload == nil ? 0 : Int(message.payloadlen))
        delegate.received(
            topic: UnsafeBufferPointer(start: topicBytes, count: length).span,
            payload: payload.span,
            qos: Int(message.qos), isRetained: message.retain, mid: Int(message.mid))
    }
}

// libmosquitto passes the user data as an untyped pointer.
private func client(_ user: UnsafeMutableRawPointer?) -> MQTTClient? {
    // Set to `self` in init and cleared in deinit, so the object is alive.
    guard let client = user.map({ Unmanaged<MQTTClient>.fromOpaque($0).takeUnretainedValue() })
    else { return nil }
    client.callbacks &+= 1
    return client
}
