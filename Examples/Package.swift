// swift-tools-version: 6.2

import PackageDescription

// A separate package, as a program outside of this repository would be. Its dependencies are none of the product.

let strict: [SwiftSetting] = [
    .treatAllWarnings(as: .error), .enableUpcomingFeature("MemberImportVisibility"),
]

let dispatchServer: Target.Dependency = .product(name: "DispatchServer", package: "reversed")
let sockets: Target.Dependency = .product(name: "Sockets", package: "reversed")
let reverseCore: Target.Dependency = .product(name: "ReverseCore", package: "reversed")
let reverseClient: Target.Dependency = .product(name: "ReverseClient", package: "reversed")
let systemd: Target.Dependency = .product(name: "Systemd", package: "reversed")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioHTTP1: Target.Dependency = .product(name: "NIOHTTP1", package: "swift-nio")
let nioExtras: Target.Dependency = .product(name: "NIOExtras", package: "swift-nio-extras")
let hummingbird: Target.Dependency = .product(name: "Hummingbird", package: "hummingbird")
let hummingbirdCore: Target.Dependency = .product(name: "HummingbirdCore", package: "hummingbird")
let serviceLifecycle: Target.Dependency = .product(
    name: "ServiceLifecycle",
    package: "swift-service-lifecycle"
)
let unixSignals: Target.Dependency = .product(name: "UnixSignals", package: "swift-service-lifecycle")

let package = Package(
    name: "examples",
    dependencies: [
        .package(name: "reversed", path: ".."),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.2"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        // Answers every line in upper case.
        .executableTarget(
            name: "uppercase",
            dependencies: [dispatchServer, sockets, systemd, logging],
            swiftSettings: strict
        ),
        // Sends each line back with its number, and keeps connections over a restart.
        .executableTarget(
            name: "line-numbers",
            dependencies: [dispatchServer, sockets, systemd, logging],
            swiftSettings: strict
        ),
        // Greets its clients: everything that systemd offers, on libdispatch.
        .executableTarget(name: "greeter", dependencies: [sockets, systemd, logging], swiftSettings: strict),
        // Counts its clients, and keeps the count over a restart.
        .executableTarget(name: "visitors", dependencies: [sockets, systemd], swiftSettings: strict),
        // Says which addresses of a service accept connections.
        .executableTarget(name: "knock", dependencies: [sockets], swiftSettings: strict),
        // Reverses the lines of standard input.
        .executableTarget(name: "reverse-lines", dependencies: [reverseCore], swiftSettings: strict),
        // Asks a line-reversing server.
        .executableTarget(name: "ask", dependencies: [reverseClient, sockets], swiftSettings: strict),
        // What the two servers below have in common.
        .target(
            name: "SystemdLifecycle",
            dependencies: [systemd, serviceLifecycle, unixSignals, nioCore],
            swiftSettings: strict
        ),
        // Sends back what it gets.
        .executableTarget(
            name: "nio-echo",
            dependencies: [
                "SystemdLifecycle", systemd, serviceLifecycle, unixSignals, nioCore, nioExtras, nioPosix,
                logging,
            ],
            swiftSettings: strict
        ),
        // Says hello over HTTP.
        .executableTarget(
            name: "hummingbird-hello",
            dependencies: [
                "SystemdLifecycle", systemd, serviceLifecycle, unixSignals, hummingbird, hummingbirdCore,
                nioCore, nioExtras,
                nioPosix, logging,
            ],
            swiftSettings: strict
        ),
    ],
    swiftLanguageModes: [.v6]
)
