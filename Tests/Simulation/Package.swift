// swift-tools-version: 6.2

import PackageDescription

// The engine's own sources, compiled for a simulated system. Wherever they import libdispatch or the epoll guard they get
// the simulated one; the system calls and the mutex are shadowed by Shims/, which is compiled into the same modules.
let aliases: [SwiftSetting] = [
    .unsafeFlags(
        ["Dispatch=SimulatedDispatch", "CEpollGuard=SimulatedGuard"].flatMap { ["-module-alias", $0] }
            + ["-enforce-exclusivity=unchecked"]
    )
]
let simulated: [Target.Dependency] = ["CLinux", "SimulatedDispatch", "SimulatedGuard", "World"]
let metrics: Target.Dependency = .product(name: "CoreMetrics", package: "swift-metrics")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
/// Everything runs on one thread.
let plain: [SwiftSetting] = [.swiftLanguageMode(.v5), .unsafeFlags(["-enforce-exclusivity=unchecked"])]

let package = Package(
    name: "simulation",
    dependencies: [
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
    ],
    targets: [
        .target(name: "CLinux", path: "Engine/CLinux"),
        .target(name: "CFibers"),
        .target(name: "World", dependencies: ["CFibers", "CLinux"], swiftSettings: plain),
        .target(name: "SimulatedDispatch", dependencies: ["World"], swiftSettings: plain),
        .target(name: "SimulatedGuard", dependencies: ["World"], swiftSettings: plain),

        .target(name: "Quantities", path: "Engine/Quantities"),
        .target(name: "Sockets", dependencies: simulated, path: "Engine/Sockets", swiftSettings: aliases),
        .target(
            name: "DispatchServer",
            dependencies: simulated + ["Quantities", "Sockets", logging, metrics],
            path: "Engine/DispatchServer",
            swiftSettings: aliases
        ),
        .executableTarget(
            name: "simulate",
            dependencies: simulated + ["DispatchServer", "Sockets", logging],
            swiftSettings: plain
        ),
    ],
    swiftLanguageModes: [.v6],
    cLanguageStandard: .gnu17
)
