import DispatchServer
import Glibc

/// The metrics of this process from the system, with the names of the Prometheus client libraries.
public struct ProcessFigures: Sendable {
    /// Processor time used so far, in seconds.
    public var processorSeconds = 0.0
    /// Resident memory in bytes; nil if /proc is not mounted.
    public var residentBytes: Double?
    /// Virtual memory in bytes; nil if /proc is not mounted.
    public var virtualBytes: Double?
    /// Open descriptors.
    public var openDescriptors: Double?
    /// The limit of open descriptors.
    public var maximumDescriptors: Double?
    /// The start time of the process, in seconds since 1970.
    public var startTime: Double?

    /// Reads the current values.
    public init() {
        processorSeconds = Self.seconds(CLOCK_PROCESS_CPUTIME_ID)
        if let fields = Self.fields(of: "/proc/self/statm"), fields.count > 1 {
            let page = Double(sysconf(Int32(_SC_PAGESIZE)))
            virtualBytes = Double(fields[0]).map { $0 * page }
            residentBytes = Double(fields[1]).map { $0 * page }
        }
        openDescriptors = Self.countDescriptors()
        var limit = rlimit()
        if unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
            maximumDescriptors = Double(limit.rlim_cur)
        }
        // proc_pid_stat(5): the name, in parentheses, may contain any character; field 22 is the start in ticks since boot.
        if let fields = Self.fields(of: "/proc/self/stat", after: ")"), fields.count > 19,
            let ticks = Double(fields[19])
        {
            let sinceBoot = ticks / Double(sysconf(Int32(_SC_CLK_TCK)))
            startTime = Self.seconds(CLOCK_REALTIME) - Self.seconds(CLOCK_BOOTTIME) + sinceBoot
        }
    }

    private static func seconds(_ clock: clockid_t) -> Double {
        var time = timespec()
        unsafe clock_gettime(clock, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    /// The words of a small file, after the last `separator` if there is one.
    private static func fields(of path: String, after separator: Character? = nil) -> [Substring]? {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = unsafe buffer.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
        guard count > 0 else { return nil }
        let text = String(decoding: buffer.prefix(count), as: UTF8.self)
        let start = separator.flatMap { text.lastIndex(of: $0) }.map { text.index(after: $0) }
        return text[(start ?? text.startIndex)...].split { $0 == " " || $0 == "\n" }
    }

    /// proc_pid_fd(5): since Linux 6.2 the size of the directory is the number of descriptors; before, it is listed.
    private static func countDescriptors() -> Double? {
        var status = stat()
        guard unsafe stat("/proc/self/fd", &status) == 0 else { return nil }
        if status.st_size > 0 { return Double(status.st_size) }
        guard let directory = unsafe opendir("/proc/self/fd") else { return nil }
        defer { unsafe closedir(directory) }
        var count = -3.0  // ".", "..", and the descriptor of the directory
        while unsafe readdir(directory) != nil { count += 1 }
        return count
    }

    /// The table of these metrics.
    ///
    /// - Parameter prefix: `process` by convention. In a file for another exporter use another prefix, because that exporter has
    ///   metrics of its own process.
    public static func metrics(prefix: String = "process") -> [Metric<ProcessFigures>] {
        [
            Metric(.counter, "\(prefix)_cpu_seconds_total", "Processor time used, in seconds.") {
                .seconds($0.processorSeconds)
            },
            optional("\(prefix)_resident_memory_bytes", "Resident memory in bytes.", \.residentBytes),
            optional("\(prefix)_virtual_memory_bytes", "Virtual memory in bytes.", \.virtualBytes),
            optional("\(prefix)_open_fds", "Open file descriptors.", \.openDescriptors),
            optional("\(prefix)_max_fds", "The limit of open file descriptors.", \.maximumDescriptors),
            optional(
                "\(prefix)_start_time_seconds",
                "When the process began, in seconds since 1970.",
                \.startTime
            ),
        ]
    }

    private static func optional(
        _ name: String,
        _ meaning: String,
        _ part: KeyPath<ProcessFigures, Double?> & Sendable
    ) -> Metric<ProcessFigures> {
        Metric(.gauge, name, meaning) { figures in
            figures[keyPath: part].map { [Metric<ProcessFigures>.Sample(.level($0))] } ?? []
        }
    }
}
