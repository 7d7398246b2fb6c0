// swift-tools-version: 6.2

import PackageDescription

// A separate package, so that the dependencies of the benchmark (SwiftNIO, a histogram) are none of the product.

let strict: [SwiftSetting] = [.treatAllWarnings(as: .error)]

let package = Package(
    name: "reversed-benchmarks",
    dependencies: [
        .package(name: "reversed", path: ".."),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
    ],
    targets: [
        .target(name: "CLoad"),

        // Puts a server under load, checks every answer, and measures.
        .executableTarget(
            name: "load",
            dependencies: [
                "CLoad",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Histogram", package: "hdrhistogram-swift"),
            ],
            swiftSettings: strict
        ),

        // The peer in Swift: the same protocol on SwiftNIO's own event loops.
        .executableTarget(
            name: "nio-peer",
            dependencies: [
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: strict
        ),

        // Reversal without a server.
        .executableTarget(
            name: "reversal",
            dependencies: [
                .product(name: "ReverseCore", package: "reversed"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict
        ),
    ],
    swiftLanguageModes: [.v6],
    cLanguageStandard: .gnu17
)
