import Glibc
import Sockets
import Testing

@Suite("Passing descriptors")
struct DescriptorPassingTests {
    private static func inode(_ descriptor: Int32) -> ino_t {
        var status = stat()
        return fstat(descriptor, &status) == 0 ? status.st_ino : 0
    }

    @Test("A message has its bytes and its descriptors, close-on-exec; one more message, and the end")
    func passes() throws {
        let pair = try DescriptorPassing.Pair()
        let other = try DescriptorPassing.Pair()
        try DescriptorPassing.send([1, 2, 3], [other.sending, other.receiving], through: pair.sending)
        try DescriptorPassing.send([4], [], through: pair.sending)
        let first = try #require(try DescriptorPassing.receive(from: pair.receiving, atMost: 253))
        #expect(first.bytes == [1, 2, 3] && !first.isTruncated)
        #expect(first.descriptors.map(Self.inode) == [other.sending, other.receiving].map(Self.inode))
        for number in first.descriptors {
            #expect(fcntl(number, F_GETFD) & FD_CLOEXEC != 0)
            close(number)
        }
        #expect(try DescriptorPassing.receive(from: pair.receiving, atMost: 253)?.bytes == [4])
        #expect(try DescriptorPassing.receive(from: pair.receiving, atMost: 253) == nil)
    }

    @Test(
        "What is under way outlives its sender, and a receiver takes as many as it has space for",
        arguments: [0, 1, 2, 7]
    )
    func takesSome(most: Int) throws {
        let pair = try DescriptorPassing.Pair()
        let receiver = Descriptor(owning: dup(pair.receiving))
        try DescriptorPassing.send([1], Array(repeating: 0, count: 8), through: pair.sending)
        pair.closeReceiving()
        #expect(pair.isHeld)
        let message = try #require(try DescriptorPassing.receive(from: receiver.number, atMost: most))
        #expect(message.descriptors.count == most)
        #expect(message.isTruncated)
        for number in message.descriptors { close(number) }
    }

    @Test("As many as fit into one message, and no more")
    func most() throws {
        let pair = try DescriptorPassing.Pair()
        let most = DescriptorPassing.maximum
        try DescriptorPassing.send([1], Array(repeating: 0, count: most), through: pair.sending)
        let message = try #require(try DescriptorPassing.receive(from: pair.receiving, atMost: most))
        #expect(message.descriptors.count == most && !message.isTruncated)
        for number in message.descriptors { close(number) }
        #expect(throws: SystemError.self) {
            try DescriptorPassing.send([1], Array(repeating: 0, count: most + 1), through: pair.sending)
        }
    }

    @Test("No process holds the receiving end")
    func notHeld() throws {
        let pair = try DescriptorPassing.Pair()
        #expect(pair.isHeld)
        pair.closeReceiving()
        #expect(!pair.isHeld)
        #expect(pair.receiving == -1)
    }

    @Test("A descriptor that is not a socket is refused")
    func noSocket() throws {
        let file = Descriptor(owning: open("/dev/null", O_RDONLY))
        #expect(throws: SystemError.self) { try DescriptorPassing.receive(from: file.number, atMost: 1) }
    }

    @Test("A sealed file is read as it was written, and one that is not sealed is refused")
    func sealedFile() throws {
        let file = try SealedFile("test") { (writer) throws(SystemError) in
            for part in 0..<100 {
                let bytes = [UInt8](repeating: UInt8(part), count: part * 100)
                var failure: SystemError?
                bytes.withUnsafeBytes { bytes in
                    do throws(SystemError) { try writer.append(bytes) } catch { failure = error }
                }
                if let failure { throw failure }
            }
        }
        #expect(file.count == 495_000)
        var bytes = [UInt8](repeating: 0, count: 9900)
        try bytes.withUnsafeMutableBytes { try file.read(into: $0, from: 485_100) }
        #expect(bytes.allSatisfy { $0 == 99 })
        #expect(throws: SystemError.self) {
            try bytes.withUnsafeMutableBytes { try file.read(into: $0, from: 485_101) }
        }
        let open = Descriptor(owning: Glibc.open("/dev/null", O_RDONLY))
        #expect(throws: SystemError.self) {
            _ = try SealedFile(adopting: Descriptor(owning: dup(open.number)))
        }
    }
}
