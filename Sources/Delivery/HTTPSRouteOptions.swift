import HTTP

extension HTTPSRoute {
    /// The address of a centre over HTTPS, and the gateway's authentication there.
    public struct Options: Sendable {
        public var url: String
        public var client: HTTPClient.Options
        public var authorization: HTTPAuthorization.Method
        /// Reads the file of the token, or of the client's secret.
        public var currentSecret: (@Sendable () -> String?)?
        /// Events in one request, of the less urgent lanes.
        public var batch = 50
        /// nil for the form of the contract.
        public var form: CentreForm?

        public init(
            url: String, client: HTTPClient.Options, authorization: HTTPAuthorization.Method
        ) {
            self.url = url
            self.client = client
            self.authorization = authorization
        }
    }
}
