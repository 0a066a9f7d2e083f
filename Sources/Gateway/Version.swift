/// The product's version, as `hoistway --version` and the journal say it.
public let productVersion = "0.2.0"
