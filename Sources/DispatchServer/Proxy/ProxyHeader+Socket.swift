import CLinux
import Glibc

extension ProxyHeader {
    /// The outcome of a receive.
    enum Received {
        /// The header took `count` bytes. `hasMore`: bytes of the client follow it.
        case header(count: Int, Step, hasMore: Bool)
        case endOfFile
        /// The `errno` of recv(2).
        case failed(Int32)
    }

    /// Receives the bytes of the header from a socket, and leaves the client's bytes in it.
    ///
    /// - Parameters:
    ///   - buffer: Scratch space.
    ///   - most: The maximum number of bytes to receive, at least 1.
    mutating func receive(
        from descriptor: Int32,
        _ buffer: UnsafeMutableRawBufferPointer,
        atMost most: Int
    ) -> Received {
        let space = min(most, buffer.count, Self.maximumLength)
        let peeked = unsafe recv(descriptor, buffer.baseAddress, space, Int32(MSG_PEEK | MSG_DONTWAIT))
        guard peeked >= 0 else { return .failed(errno) }
        guard peeked > 0 else { return .endOfFile }
        // Only what is taken counts: the call may fail, or take less.
        var preview = self
        let count =
            switch unsafe preview.receive(UnsafeRawBufferPointer(rebasing: buffer[..<peeked])) {
            case .needsMore, .invalid: peeked
            case .complete(let length, _): min(length, peeked)
            }
        let taken = unsafe recv(descriptor, buffer.baseAddress, count, Int32(MSG_DONTWAIT))
        guard taken >= 0 else { return .failed(errno) }
        guard taken > 0 else { return .endOfFile }
        let step = unsafe receive(UnsafeRawBufferPointer(rebasing: buffer[..<min(taken, count)]))
        return .header(count: taken, step, hasMore: peeked > taken)
    }
}
