import Testing

@testable import Quantities

@Suite("Sizes and durations")
struct QuantityTests {
    @Test(
        "Durations",
        arguments: [
            ("0", .zero), ("0s", .zero), ("1ms", .milliseconds(1)), ("90s", .seconds(90)),
            ("5min", .seconds(300)),
            ("2h", .seconds(7200)), ("007s", .seconds(7)),
        ] as [(String, Duration)]
    )
    func durations(text: String, duration: Duration) {
        #expect(DurationText.parse(text) == duration)
    }

    @Test(
        "What is no duration",
        arguments: [
            "", "s", "5", "-5s", "+5s", "5 s", " 5s", "5s ", "5S", "5m", "5sec", "1h30min", "1.5s", "1e3s",
            "0x5s", "٥s", "5s\u{301}",
            "9223372036854775808ms", "9223372036854775807s", "5s\0",
        ]
    )
    func noDurations(text: String) {
        #expect(DurationText.parse(text) == nil)
    }

    @Test(
        "Durations in their nicest unit",
        arguments: [
            (.zero, "0"), (.milliseconds(1), "1ms"), (.milliseconds(1500), "1500ms"), (.seconds(1), "1s"),
            (.seconds(60), "1min"), (.seconds(90), "90s"), (.seconds(3600), "1h"), (.seconds(5400), "90min"),
            (.seconds(Int64.max), "9223372036854775807s"),
        ] as [(Duration, String)]
    )
    func printedDurations(duration: Duration, text: String) {
        #expect(DurationText.format(duration) == text)
    }

    @Test(
        "Sizes",
        arguments: [
            ("0B", 0), ("1B", 1), ("64KiB", 65_536), ("1MiB", 1 << 20), ("1GiB", 1 << 30),
            ("8589934591GiB", 8_589_934_591 << 30),
        ] as [(String, Int64)]
    )
    func sizes(text: String, bytes: Int64) {
        #expect(ByteCountText.parse(text) == bytes)
        #expect(ByteCountText.format(bytes) == text)
    }

    @Test(
        "What is no size",
        arguments: [
            "", "1", "KiB", "1kib", "1KB", "1 KiB", "-1B", "1.5MiB", "8589934592GiB", "1MiB\u{301}",
        ]
    )
    func noSizes(text: String) {
        #expect(ByteCountText.parse(text) == nil)
    }

    @Test("Suggestions")
    func corrections() {
        #expect(DurationText.correction(of: "5 Minutes") == "5min")
        #expect(DurationText.correction(of: "5m") == "5min")
        #expect(DurationText.correction(of: "5") == "5s")
        #expect(DurationText.correction(of: "soon") == nil)
        #expect(ByteCountText.correction(of: "10 mb") == "10MiB")
        #expect(ByteCountText.correction(of: "10") == "10B")
        #expect(ByteCountText.correction(of: "1.5MiB") == nil)
    }

    @Test("Durations in whole units")
    func wholeUnits() {
        let duration = Duration.nanoseconds(1_234_567_890)
        #expect(duration.wholeMilliseconds() == 1234)
        #expect(duration.wholeMilliseconds(roundingUp: true) == 1235)
        #expect(duration.wholeMicroseconds == 1_234_567)
        #expect(duration.wholeNanoseconds == 1_234_567_890)
        #expect(Duration.milliseconds(5).wholeMilliseconds(roundingUp: true) == 5)
        #expect(Duration.milliseconds(-5).wholeMilliseconds() == 0)
        #expect(Duration.nanoseconds(1).wholeMilliseconds(roundingUp: true) == 1)
        #expect(Duration.seconds(Int64.max).wholeNanoseconds == .max)
    }

    @Test(
        "About how much",
        arguments: [
            (0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1536, "1.5 KiB"), (1_048_575, "1023.9 KiB"),
            (1 << 30, "1.0 GiB"), (3 << 40, "3.0 TiB"), (.max, "16777216.0 TiB"),
        ] as [(UInt64, String)]
    )
    func approximateSizes(bytes: UInt64, text: String) {
        #expect(ByteCountText.approximate(bytes) == text)
    }
}
