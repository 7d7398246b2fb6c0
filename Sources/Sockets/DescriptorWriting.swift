import CLinux

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
        guard unsafe linux_write_all(descriptor, bytes, bytes.count) else { throw SystemError(action()) }
    }
}
