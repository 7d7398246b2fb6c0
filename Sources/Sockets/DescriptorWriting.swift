import Glibc

/// Writing everything to a descriptor that may be shared with other processes.
public enum DescriptorWriting {
    /// Writes all of `bytes` (write(2)). Continues after a short write or a signal, and waits if the descriptor is non-blocking
    /// and takes nothing.
    ///
    /// - Parameters:
    ///   - bytes: What to write.
    ///   - descriptor: Where to write it.
    ///   - action: The action for the error, as the end of "cannot …".
    /// - Throws: `SystemError`.
    public static func writeAll(
        _ bytes: some Sequence<UInt8>,
        to descriptor: Int32,
        action: @autoclosure () -> String
    ) throws(SystemError) {
        let bytes = Array(bytes)
        var written = 0
        var failures = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes {
                // Bounds: written < bytes.count.
                Glibc.write(descriptor, $0.baseAddress?.advanced(by: written), $0.count - written)
            }
            if count >= 0 {
                written += count
                failures = 0
                continue
            }
            failures += 1
            // A descriptor that polls as writable but takes nothing must not keep a processor busy.
            defer { if failures > 8 { usleep(20_000) } }
            switch errno {
            case EINTR: continue
            case EAGAIN:
                var polls = [pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)]
                _ = poll(&polls, 1, -1)
            case let code: throw SystemError(action(), code: code)
            }
        }
    }
}
