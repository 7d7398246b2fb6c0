import Glibc
import Testing

@testable import Sockets

@Suite struct NameLookupTests {
    private func answer(to lookup: NameLookup) throws -> Result<[SocketAddress], ResolutionError>? {
        var polls = [pollfd(fd: lookup.descriptor, events: Int16(POLLIN), revents: 0)]
        try #require(poll(&polls, 1, 10_000) == 1)
        return lookup.result
    }

    @Test func theAnswerComesOnADescriptor() throws {
        let lookup = try NameLookup(of: .internet(host: "127.0.0.1", port: 7))
        let found = try #require(try answer(to: lookup)).get()
        #expect(found == [.ipv4(SIMD4(127, 0, 0, 1), port: 7)])
    }

    @Test func aNameWithoutAnAddressIsAnError() throws {
        let lookup = try NameLookup(of: .internet(host: "no-such-host.invalid", port: 7))
        #expect(throws: ResolutionError.self) { try #require(try answer(to: lookup)).get() }
    }

    @Test func whoLeavesNeedNotWait() throws {
        for _ in 0..<50 { _ = try NameLookup(of: .internet(host: "127.0.0.1", port: 7)) }
    }

    @Test(arguments: ["127.0.0.1", "::1", "fe80::2", "255.255.255.255", "::ffff:10.0.0.1"])
    func anAddressInNumbersNeedsNoResolver(host: String) throws {
        let endpoint = Endpoint.internet(host: host, port: 7)
        #expect(try [endpoint.literalAddress] == endpoint.resolve())
    }

    @Test(arguments: ["localhost", "127.1", "fe80::1%1", "", "1.2.3.4.5"])
    func theRestIsAskedFor(host: String) {
        #expect(Endpoint.internet(host: host, port: 7).literalAddress == nil)
    }

    @Test func aPathIsAnAddress() {
        #expect(Endpoint.unix(path: "/a").literalAddress == .unix(path: "/a"))
    }
}

@Suite struct DescriptorWritingTests {
    @Test func aFullNonBlockingPipeIsWaitedFor() throws {
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        let reader = Descriptor(owning: ends[0])
        let writer = Descriptor(owning: ends[1])
        try #require(fcntl(writer.number, F_SETFL, O_NONBLOCK) == 0)
        // More than a pipe holds, so a thread of the test reads it.
        let number = reader.number
        let bytes = [UInt8](repeating: 7, count: 300_000)
        var thread = pthread_t()
        let context = UnsafeMutableRawPointer(bitPattern: Int(number) + 1)
        pthread_create(
            &thread,
            nil,
            { argument in
                let number = Int32(Int(bitPattern: argument) - 1)
                var block = [UInt8](repeating: 0, count: 65_536)
                var total = 0
                while case let count = read(number, &block, block.count), count > 0 { total += count }
                return UnsafeMutableRawPointer(bitPattern: total)
            },
            context
        )
        try DescriptorWriting.writeAll(bytes, to: writer.number, action: "write")
        _ = consume writer
        var total: UnsafeMutableRawPointer?
        pthread_join(thread, &total)
        #expect(Int(bitPattern: total) == bytes.count)
        _ = reader.number
    }

    @Test func whatTheSystemRefusesIsSaid() {
        #expect(throws: SystemError("write a line", code: EBADF)) {
            try DescriptorWriting.writeAll([1], to: 1_000_000, action: "write a line")
        }
    }
}
