import Sockets
import Testing

@testable import ReverseClient

@Suite struct ConnectionRaceTests {
    private static func four(_ number: UInt8) -> SocketAddress { .ipv4(SIMD4(10, 0, 0, number), port: 1) }
    private static func six(_ number: UInt8) -> SocketAddress {
        var bytes = SIMD16<UInt8>(repeating: 0)
        bytes[15] = number
        return .ipv6(bytes, port: 1, zone: 0)
    }

    @Test(
        arguments: [
            ([], []),
            ([six(1), six(2), six(3), four(1)], [six(1), four(1), six(2), six(3)]),
            ([four(1), six(1), six(2)], [four(1), six(1), six(2)]),
            ([four(1), four(2)], [four(1), four(2)]),
        ] as [([SocketAddress], [SocketAddress])]
    )
    func theFamiliesTakeTurns(given: [SocketAddress], tried: [SocketAddress]) {
        #expect(ConnectionRace(given).addresses == tried)
    }

    @Test func anAttemptGetsCompanyAfterTheDelay() {
        var race = ConnectionRace([Self.six(1), Self.four(1)], delay: .milliseconds(250))
        let start = ContinuousClock.now
        #expect(race.step(at: start) == .begin(0))
        #expect(race.step(at: start) == .wait(until: start + .milliseconds(250)))
        #expect(race.step(at: start + .milliseconds(249)) == .wait(until: start + .milliseconds(250)))
        #expect(race.step(at: start + .milliseconds(250)) == .begin(1))
        #expect(race.step(at: start + .milliseconds(250)) == .wait(until: nil))
    }

    @Test func aFailureIsFollowedAtOnce() {
        var race = ConnectionRace([Self.six(1), Self.four(1), Self.six(2)], delay: .milliseconds(250))
        let start = ContinuousClock.now
        #expect(race.step(at: start) == .begin(0))
        race.attemptFailed()
        #expect(race.step(at: start) == .begin(1))
        #expect(race.step(at: start + .seconds(1)) == .begin(2))
        race.attemptFailed()
        #expect(race.step(at: start + .seconds(1)) == .wait(until: nil))
        race.attemptFailed()
        #expect(race.step(at: start + .seconds(1)) == .exhausted)
    }

    @Test func noAddressIsTheEnd() {
        var race = ConnectionRace([])
        #expect(race.step(at: .now) == .exhausted)
    }
}
