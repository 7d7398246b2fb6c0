import Glibc
import Testing

@testable import DispatchServer

@Suite("The descriptor limit")
struct DescriptorLimitTests {
    @Test("counts what is open, above the limit as well", .serialized, arguments: [0, 1000, 3000])
    func counts(lowest: Int32) {
        // Other tests open and close descriptors at the same time, so one exact result is enough.
        let isExact = eventually {
            let before = DescriptorLimit.countOpen()
            let opened = (0..<20).map { _ in fcntl(0, F_DUPFD_CLOEXEC, lowest) }.filter { $0 >= 0 }
            let during = DescriptorLimit.countOpen()
            for descriptor in opened { close(descriptor) }
            return during - before == opened.count
        }
        #expect(isExact)
    }

    @Test("makes as many slots as were asked for, where they fit, and at least one otherwise")
    func raises() throws {
        let few = try #require(DescriptorLimit.raise(forConnections: 5, listeners: 1, open: 20))
        #expect(few.maximumConnections == 5 && few.descriptors >= 5)
        let many = try #require(DescriptorLimit.raise(forConnections: .max, listeners: 1, open: 20))
        #expect(many.maximumConnections >= 1 && many.maximumConnections < Int(many.descriptors))
        #expect(DescriptorLimit.raise(forConnections: 1, listeners: .max / 2, open: 0) == nil)
    }

    @Test(
        "keeps back what the rest of the process needs",
        arguments: [
            // With many descriptors 128 are reserved.
            (1024, 20, 500, 500), (1024, 20, 1000, 876), (1_048_576, 20, 2_000_000, 1_048_428),
            // With few, a quarter is reserved, but at least 32.
            (256, 20, 1000, 172), (64, 20, 1000, 12), (53, 20, 1000, 1),
        ] as [(UInt64, Int, Int, Int)]
    )
    func divides(limit: UInt64, fixed: Int, wanted: Int, clients: Int) {
        let fit = DescriptorLimit.connections(within: limit, listeners: fixed / 2, open: fixed - fixed / 2)
        #expect(fit.map { min(wanted, $0) } == clients)
    }

    @Test("is too low for anybody where not even one client fits", arguments: [(52, 20), (10, 0), (0, 0)])
    func tooLow(limit: UInt64, fixed: Int) {
        #expect(DescriptorLimit.connections(within: limit, listeners: fixed, open: 0) == nil)
    }
}
