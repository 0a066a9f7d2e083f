public struct MQTTClient { public struct Options: Sendable { public var url: BrokerURL; public var clientID: String; public var username: String?; public var password: String?; public var caFile: String?; public var certificateFile: String?; public var keyFile: String?
 public init(url: BrokerURL, clientID: String) { self.url = url; self.clientID = clientID } } }
