/// The product's version, shown by `hoistway --version` and stored in the journal.
public let productVersion = "0.3.0"
