import Glibc
import Testing

@testable import DispatchServer

@Suite("Time")
struct ClockTests {
    @Test(
        "in whole milliseconds, rounded up",
        arguments: [
            (.zero, 0), (.nanoseconds(1), 1), (.milliseconds(1), 1), (.microseconds(1001), 2),
            (.seconds(600), 600_000),
            (.milliseconds(-1), 0), (.seconds(-5), 0),
            (.seconds(Int64.max / 1000 - 1), (Int64.max / 1000 - 1) * 1000),
            (.seconds(Int64.max), .max),
        ] as [(Duration, Int64)]
    )
    func milliseconds(duration: Duration, expected: Int64) {
        #expect(duration.milliseconds == Milliseconds(expected))
    }

    @Test("does not go back")
    func monotonic() {
        let first = Clock.now()
        usleep(20_000)
        #expect(Clock.now() > first)
    }
}
