import CLinux
import Glibc

/// Immutable data in memory, for example the state of a process: written once, sealed, and passed on as a descriptor, through the
/// ``DescriptorStore`` or a socket (memfd_create(2)).
public enum SealedMemory {
    /// Makes a sealed file with these bytes.
    ///
    /// - Parameters:
    ///   - name: The name in /proc/PID/fd.
    ///   - bytes: The contents.
    /// - Returns: Its descriptor, close-on-exec, which the caller must close; nil if the system has no memory or no descriptor
    ///   left.
    public static func make(_ name: String, _ bytes: some Collection<UInt8>) -> Int32? {
        let file = unsafe linux_memory_file(name)
        guard file >= 0 else { return nil }
        let bytes = Array(bytes)
        guard unsafe linux_write_all(file, bytes, bytes.count), linux_seal(file) == 0 else {
            close(file)
            return nil
        }
        return file
    }

    /// The bytes of a sealed file; nil for any other descriptor, and for a file of more than `limit` bytes.
    public static func bytes(of descriptor: Int32, limit: Int) -> [UInt8]? {
        var status = stat()
        guard linux_is_sealed(descriptor), unsafe fstat(descriptor, &status) == 0,
            let size = Int(exactly: status.st_size),
            size <= limit
        else { return nil }
        var bytes = [UInt8](repeating: 0, count: size)
        return unsafe linux_read_all(descriptor, &bytes, size, 0) == size ? bytes : nil
    }
}
