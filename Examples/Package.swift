// swift-tools-version: 6.2

import PackageDescription

// A package of its own, as a program outside of this repository would be.

let package = Package(
    name: "examples",
    dependencies: [
        .package(name: "reversed", path: ".."),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    ],
    targets: [
        // Answers every line in upper case.
        .executableTarget(
            name: "uppercase",
            dependencies: [
                .product(name: "DispatchServer", package: "reversed"),
                .product(name: "Systemd", package: "reversed"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: [.treatAllWarnings(as: .error)]
        )
    ],
    swiftLanguageModes: [.v6]
)
