// swift-tools-version: 6.2
import PackageDescription

/// CI turns warnings into errors; a newer toolchain's new warning does not stop a technician's build.
let strict: [SwiftSetting] =
    Context.environment["CI"] == nil ? [] : [.treatAllWarnings(as: .error)]

/// Optimised also in a debug build: the tests evaluate millions of messages with these modules. The
/// decision table's take 9 s with it, and 200 s without.
let optimised: [SwiftSetting] = strict + [.unsafeFlags(["-O"], .when(configuration: .debug))]

/// For the installed programs. The linker's tables are read-only once the program runs, as Debian
/// asks of every program. Without a build id, which depends on the folder of the build, the same
/// sources give the same bytes.
let linkedForDebian: [LinkerSetting] = [
    .unsafeFlags(
        ["-z", "relro", "-z", "now", "--build-id=none"].flatMap { ["-Xlinker", $0] })
]

let package = Package(
    name: "hoistway",
    products: [
        .executable(name: "hoistway", targets: ["hoistway"]),
        .executable(name: "hoistway-sim", targets: ["hoistway-sim"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
    ],
    targets: [
        // The system's C libraries.
        .systemLibrary(
            name: "CMosquitto", pkgConfig: "libmosquitto", providers: [.apt(["libmosquitto-dev"])]),
        .systemLibrary(
            name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .systemLibrary(
            name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
        .systemLibrary(name: "CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
        .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
        .systemLibrary(name: "CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CSSL", pkgConfig: "libssl", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CPlatform"),

        // The modules, in the order of the data's way. LayoutTests holds each to what stands before
        // it.
        .target(name: "LiftModel", swiftSettings: optimised),
        .target(
            name: "Platform", dependencies: ["CPlatform", "LiftModel"], swiftSettings: strict),
        .target(
            name: "Encoding", dependencies: ["LiftModel"],
            // The JSON scanner is a struct that holds a borrowed Span of the message.
            swiftSettings: optimised + [.enableExperimentalFeature("Lifetimes")]),
        .target(
            name: "PositionedYAML", dependencies: ["CYAML", "LiftModel"], swiftSettings: strict),
        .target(
            name: "Trace", dependencies: ["CZstd", "LiftModel", "Encoding", "PositionedYAML"],
            swiftSettings: strict),
        .target(name: "Connectivity", dependencies: ["CSSL", "LiftModel"], swiftSettings: strict),
        .target(
            name: "MQTT", dependencies: ["CMosquitto", "Connectivity", "LiftModel", "Platform"],
            swiftSettings: strict),
        .target(
            name: "HTTP", dependencies: ["CCurl", "Connectivity", "LiftModel"],
            swiftSettings: strict),
        .target(
            name: "DeviceProfiles", dependencies: ["LiftModel", "Encoding", "PositionedYAML"],
            swiftSettings: strict),
        .target(
            name: "RuleEngine", dependencies: ["LiftModel", "Encoding"], swiftSettings: optimised),
        .target(
            name: "RuleLanguage", dependencies: ["LiftModel", "PositionedYAML", "RuleEngine"],
            swiftSettings: strict),
        .target(
            name: "Monitoring",
            dependencies: ["CCrypto", "LiftModel", "Encoding", "RuleEngine", "RuleLanguage"],
            swiftSettings: optimised),
        .target(
            name: "RuleTools",
            dependencies: [
                "LiftModel", "PositionedYAML", "RuleEngine", "RuleLanguage", "Monitoring",
            ],
            swiftSettings: strict),
        .target(
            name: "Contract", dependencies: ["CCrypto", "LiftModel", "Encoding"],
            swiftSettings: strict),
        .target(
            name: "Journal",
            dependencies: ["LiftModel", "Platform", "Encoding", "CCrypto", "CSQLite", "CZstd"],
            swiftSettings: strict),
        .target(
            name: "DeliveryCore", dependencies: ["LiftModel", "Journal"], swiftSettings: strict),
        .target(
            name: "GatewayCore",
            dependencies: [
                "LiftModel", "Encoding", "Trace", "DeviceProfiles", "RuleLanguage", "Monitoring",
                "Contract", "Journal",
                .product(name: "Logging", package: "swift-log"),
            ],
            // An input holds a borrowed Span of the message.
            swiftSettings: strict + [.enableExperimentalFeature("Lifetimes")]),
        .target(
            name: "Delivery",
            dependencies: [
                "Connectivity", "Contract", "LiftModel", "Encoding", "HTTP", "Journal", "MQTT",
                "Platform",
                "DeliveryCore",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict),
        .target(
            name: "Gateway",
            dependencies: [
                "Connectivity", "LiftModel", "Encoding", "PositionedYAML", "HTTP", "MQTT",
                "DeviceProfiles",
                "RuleLanguage", "Monitoring", "RuleTools", "Contract", "Journal", "Platform",
                "Trace", "GatewayCore", "Delivery",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "hoistway",
            dependencies: [
                "Connectivity", "Gateway", "GatewayCore", "RuleEngine", "RuleLanguage",
                "Monitoring", "RuleTools",
                "LiftModel",
                "Encoding", "Journal", "Platform", "PositionedYAML", "Contract",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict, linkerSettings: linkedForDebian),

        // The simulator knows the wire and the field's words, and nothing of the detection it
        // judges.
        .target(
            name: "City", dependencies: ["LiftModel", "Encoding", "PositionedYAML", "Trace"],
            path: "Simulator/City",
            swiftSettings: optimised),
        .target(
            name: "Scoring", dependencies: ["City", "LiftModel", "Encoding"],
            path: "Simulator/Scoring",
            swiftSettings: strict),
        .executableTarget(
            name: "hoistway-sim",
            dependencies: [
                "CCrypto", "City", "Connectivity", "DeviceProfiles", "LiftModel", "Encoding",
                "MQTT", "Platform",
                "PositionedYAML", "Scoring", "Trace",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Simulator",
            exclude: ["City", "Scoring", "catalogue", "scenarios", "demo"],
            swiftSettings: strict, linkerSettings: linkedForDebian),

        // Measures; not installed.
        .executableTarget(
            name: "hoistway-bench",
            dependencies: [
                "City", "Gateway", "GatewayCore", "RuleLanguage", "Monitoring", "DeviceProfiles",
                "LiftModel",
                "Encoding", "Journal",
                "Platform", "PositionedYAML", "Scoring", "Contract",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Benchmarks/hoistway-bench",
            swiftSettings: strict),

        .testTarget(
            name: "DetectionTests",
            dependencies: [
                "RuleEngine", "RuleLanguage", "Monitoring", "RuleTools", "DeviceProfiles",
                "LiftModel", "Encoding",
                "PositionedYAML",
            ],
            exclude: ["Fixtures"],
            swiftSettings: strict),
        // A disk in memory that misbehaves, as a file system for SQLite.
        .target(
            name: "SimulatedDisk", dependencies: ["CSQLite", "Encoding"],
            path: "Tests/SimulatedDisk", swiftSettings: strict),
        // The core, the scheduling and the journal in virtual time, with everything around them
        // simulated; a program, so that it runs optimised.
        .executableTarget(
            name: "gateway-simulation",
            dependencies: [
                "Contract", "DeliveryCore", "DeviceProfiles", "Encoding", "GatewayCore", "Journal",
                "LiftModel", "Monitoring", "PositionedYAML", "RuleLanguage", "SimulatedDisk",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Tests/GatewaySimulation",
            exclude: ["faults.tsv"],
            swiftSettings: strict + [.enableExperimentalFeature("Lifetimes")]),
        // The journal on a disk that misbehaves; a program, so that it runs optimised.
        .executableTarget(
            name: "journal-model",
            dependencies: [
                "Journal", "LiftModel", "Encoding", "SimulatedDisk",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Tests/JournalModel",
            swiftSettings: strict),
        // The gateway that can die at a chosen moment, and whose clocks can leap; not installed.
        .executableTarget(
            name: "hoistway-trial",
            dependencies: [
                "Gateway", "Platform",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ],
            path: "Tests/TrialGateway",
            swiftSettings: strict),
        // Recorded cases held to a table of what is right.
        .executableTarget(
            name: "cases",
            dependencies: [.product(name: "ArgumentParser", package: "swift-argument-parser")],
            path: "Tests/Cases/Runner",
            swiftSettings: strict),
        .testTarget(
            name: "JournalTests", dependencies: ["Journal", "LiftModel", "Encoding", "CSQLite"],
            exclude: ["Fixtures"],
            swiftSettings: strict),
        .testTarget(
            name: "DeliveryTests",
            dependencies: [
                "Contract", "Delivery", "DeliveryCore", "Encoding", "Journal", "LiftModel",
            ],
            swiftSettings: strict),
        .testTarget(
            name: "SimulatorTests",
            dependencies: [
                "City", "DeviceProfiles", "LiftModel", "Encoding", "PositionedYAML", "Scoring",
                "Trace",
            ],
            swiftSettings: strict),
        // End to end: the real programs against a real mosquitto.
        .testTarget(
            name: "GatewayTests",
            dependencies: [
                "City", "Connectivity", "LiftModel", "RuleLanguage", "Monitoring", "RuleTools",
                "Encoding", "Gateway", "GatewayCore",
                "HTTP", "Journal", "MQTT", "Platform", "PositionedYAML", "Contract", "Delivery",
                "hoistway",
                "hoistway-sim",
                "hoistway-trial",
                .product(name: "InMemoryLogging", package: "swift-log"),
                .product(name: "Logging", package: "swift-log"),
            ],
            exclude: ["Fixtures"],
            swiftSettings: strict),
    ],
    swiftLanguageModes: [.v6]
)
