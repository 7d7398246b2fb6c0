// swift-tools-version: 6.2

import PackageDescription

// The layers, from the bottom. A target depends only on targets of lower layers; docs/architecture.md draws the picture.

/// Every target of ours treats a warning as an error; dependencies are compiled as they are.
let strict: [SwiftSetting] = [
    .treatAllWarnings(as: .error),
    // A member of a module that a file does not import is an error: so Foundation cannot slip in through a dependency.
    .enableUpcomingFeature("MemberImportVisibility"),
]

/// In what is shipped, each use of unsafe memory is marked `unsafe`; an unmarked one is an error.
let marked = strict + [.strictMemorySafety()]

let argumentParser: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let metrics: Target.Dependency = .product(name: "CoreMetrics", package: "swift-metrics")

/// libFuzzer is linked only where `scripts/fuzz` asks for it.
let fuzzers: [Target] =
    Context.environment["FUZZING"] == nil
    ? []
    : [
        .executableTarget(
            name: "fuzz",
            dependencies: [
                "DispatchServer", "LineEditor", "MetricsExport", "ReverseClient", "ReverseCore", "Settings",
                "Sockets", "Systemd",
                "TestSupport", "TextEscaping", logging,
            ],
            path: "Tests/Fuzz",
            exclude: ["corpus"],
            swiftSettings: strict
        )
    ]

let package = Package(
    name: "reversed",
    products: [
        .executable(name: "reversed", targets: ["reversed"]),
        .executable(name: "reverse-client", targets: ["reverse-client"]),
        .library(name: "DispatchServer", targets: ["DispatchServer"]),
        .library(name: "Sockets", targets: ["Sockets"]),
        .library(name: "ReverseCore", targets: ["ReverseCore"]),
        .library(name: "ReverseClient", targets: ["ReverseClient"]),
        .library(name: "Systemd", targets: ["Systemd"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
    ],
    targets: [
        // Layer 0: C, and values without I/O.
        .systemLibrary(name: "CSystemd", pkgConfig: "libsystemd", providers: [.apt(["libsystemd-dev"])]),
        .target(name: "CLinux"),
        .target(name: "CEpollGuard"),
        .target(name: "CPriorityStub"),
        .target(name: "CWideText"),
        // toml++ is header-only: Debian's libtomlplusplus-dev.
        .target(name: "CTOML"),
        .target(name: "Quantities", swiftSettings: marked),
        .target(name: "TextEscaping", swiftSettings: marked),

        // Layer 1: the parts that the product is made of, each usable by itself.
        .target(name: "ReverseCore", dependencies: ["CWideText"], swiftSettings: marked),
        .target(name: "Sockets", dependencies: ["CLinux"], swiftSettings: marked),
        .target(
            name: "Systemd",
            dependencies: ["CLinux", "CSystemd", "TextEscaping", logging],
            swiftSettings: marked
        ),

        // Layer 2: the server, the client, its line editor.
        .target(
            name: "CommandSupport",
            dependencies: ["CLinux", "Sockets", "TextEscaping", argumentParser],
            swiftSettings: marked
        ),
        .target(
            name: "DispatchServer",
            dependencies: ["CEpollGuard", "CLinux", "Quantities", "Sockets", logging, metrics],
            swiftSettings: marked
        ),
        .target(name: "ReverseClient", dependencies: ["Quantities", "Sockets"], swiftSettings: marked),
        .target(name: "LineEditor", dependencies: ["CLinux", "ReverseCore"], swiftSettings: marked),

        // Layer 3: the settings, which contain the server's configuration.
        .target(
            name: "Settings",
            dependencies: [
                "CLinux", "CTOML", "DispatchServer", "Quantities", "ReverseCore", "Sockets", "TextEscaping",
                logging,
            ],
            swiftSettings: marked
        ),

        // Metrics for Prometheus: a backend of swift-metrics, its text, and HTTP as sessions of the server library.
        .target(
            name: "MetricsExport",
            dependencies: ["DispatchServer", "Sockets", metrics],
            swiftSettings: marked
        ),

        // Layer 4: the programs.
        .executableTarget(
            name: "reversed",
            dependencies: [
                "CLinux", "CPriorityStub", "CommandSupport", "DispatchServer", "MetricsExport", "Quantities",
                "ReverseCore",
                "Settings",
                "Sockets",
                "Systemd", "TextEscaping",
                argumentParser, logging,
            ],
            resources: [.embedInCode("Completions")],
            swiftSettings: marked
        ),
        .executableTarget(
            name: "reverse-client",
            dependencies: [
                "CLinux", "CommandSupport", "LineEditor", "Quantities", "ReverseClient", "ReverseCore",
                "Sockets",
                "TextEscaping", argumentParser,
            ],
            resources: [.embedInCode("Completions")],
            swiftSettings: marked
        ),

        .target(
            name: "TestSupport",
            dependencies: ["ReverseCore"],
            path: "Tests/TestSupport",
            swiftSettings: strict
        ),
        .testTarget(
            name: "ReverseCoreTests",
            dependencies: ["CWideText", "ReverseCore", "TestSupport"],
            swiftSettings: strict
        ),
        .testTarget(
            name: "SocketsTests",
            dependencies: ["CLinux", "Sockets", "TestSupport"],
            swiftSettings: strict
        ),
        .testTarget(name: "QuantitiesTests", dependencies: ["Quantities"], swiftSettings: strict),
        .testTarget(name: "TextEscapingTests", dependencies: ["TextEscaping"], swiftSettings: strict),
        .testTarget(
            name: "SystemdTests",
            dependencies: ["CLinux", "CSystemd", "Systemd", logging],
            swiftSettings: strict
        ),
        .testTarget(
            name: "DispatchServerTests",
            dependencies: [
                "CEpollGuard", "CLinux", "DispatchServer", "Sockets", "TestSupport", logging,
                metrics,
            ],
            exclude: ["Golden"],
            swiftSettings: strict
        ),
        .testTarget(
            name: "ReverseClientTests",
            dependencies: ["ReverseClient", "Sockets", "TestSupport"],
            swiftSettings: strict
        ),
        .testTarget(
            name: "CommandSupportTests",
            dependencies: ["CommandSupport", "Sockets", argumentParser],
            swiftSettings: strict
        ),
        .testTarget(
            name: "MetricsExportTests",
            dependencies: ["DispatchServer", "MetricsExport", "TestSupport", metrics],
            swiftSettings: strict
        ),
        .testTarget(name: "LineEditorTests", dependencies: ["LineEditor"], swiftSettings: strict),
        .testTarget(
            name: "SettingsTests",
            dependencies: [
                "DispatchServer", "ReverseCore", "Settings", "Sockets", "TestSupport", "TextEscaping",
                logging,
            ],
            swiftSettings: strict
        ),
    ] + fuzzers,
    swiftLanguageModes: [.v6],
    cLanguageStandard: .gnu17,
    cxxLanguageStandard: .cxx17
)

// `make documentation` needs the DocC plugin. Nobody who depends on this package gets it.
if Context.environment["REVERSED_DOCUMENTATION"] != nil {
    package.dependencies.append(
        .package(url: "https://github.com/swiftlang/swift-docc-plugin", from: "1.5.0")
    )
}
