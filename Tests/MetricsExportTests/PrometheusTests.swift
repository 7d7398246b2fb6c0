import CoreMetrics
import DispatchServer
import Glibc
import Testing

@testable import MetricsExport

@Suite("Prometheus' text")
struct PrometheusTests {
    private struct Source {
        var count: UInt64 = 0
        var level = 0.0
        var sizes = Histogram(bounds: [4, 16])
        var time = 0.0
    }

    private static let table: [Metric<Source>] = [
        Metric(.counter, "a_total", "Back\\slash\nand line.") {
            [.init(.count($0.count), labels: [("k", "q\"\\\n")])]
        },
        Metric(.gauge, "b", "B.") { .level($0.level) },
        Metric(.histogram, "c_bytes", "C.") { .histogram($0.sizes, unit: 1) },
        Metric(.counter, "d_seconds_total", "D.") { .seconds($0.time) },
    ]

    @Test("Each kind is written as the format says, and escaped")
    func kinds() {
        let registry = PrometheusRegistry(describing: Self.table.map(\.description))
        let publisher = MetricsPublisher(Self.table, factory: registry)
        #expect(registry.text() == "")
        var source = Source(count: 3, level: -1.5, time: 0.25)
        source.sizes.counts = [1, 0, 2]
        source.sizes.sum = 99
        publisher.publish(source)
        let text = """
            # HELP a_total Back\\\\slash\\nand line.
            # TYPE a_total counter
            a_total{k="q\\"\\\\\\n"} 3
            # HELP b B.
            # TYPE b gauge
            b -1.5
            # HELP c_bytes C.
            # TYPE c_bytes histogram
            c_bytes_bucket{le="4"} 1
            c_bytes_bucket{le="16"} 1
            c_bytes_bucket{le="+Inf"} 3
            c_bytes_sum 99
            c_bytes_count 3
            # HELP d_seconds_total D.
            # TYPE d_seconds_total counter
            d_seconds_total 0.25

            """
        #expect(registry.text() == text)
        publisher.publish(source)
        #expect(registry.text() == text, "published again, nothing grows")
    }

    @Test("A counter never decreases, even if an older value is published")
    func monotonic() {
        let registry = PrometheusRegistry(describing: [])
        let publisher = MetricsPublisher(Self.table, factory: registry)
        for count in [5, 9, 7, 9, 10] as [UInt64] { publisher.publish(Source(count: count)) }
        #expect(registry.text().contains("a_total{k=\"q\\\"\\\\\\n\"} 10\n"))
    }

    @Test("It is a backend for swift-metrics, with names that Prometheus allows")
    func backend() {
        let registry = PrometheusRegistry(describing: [])
        let counter = Counter(
            label: "my.app-requests",
            dimensions: [("http:method", "GET")],
            factory: registry
        )
        counter.increment(by: 2)
        Counter(label: "my.app-requests", dimensions: [("http:method", "GET")], factory: registry).increment()
        Gauge(label: "9lives", factory: registry).record(Double.infinity)
        Recorder(label: "sizes", dimensions: [], aggregate: true, factory: registry).record(7)
        Timer(label: "wait", dimensions: [], factory: registry).recordNanoseconds(1_500_000_000)
        #expect(
            registry.text() == """
                # TYPE _lives gauge
                _lives +Inf
                # TYPE my_app_requests counter
                my_app_requests{http_method="GET"} 3
                # TYPE sizes summary
                sizes_sum 7
                sizes_count 1
                # TYPE wait summary
                wait_sum 1.5
                wait_count 1

                """
        )
        counter.destroy()
        #expect(!registry.text().contains("my_app_requests{"))
    }

    @Test("Meters go up and down, counters can be reset, and a destroyed metric is no longer exported")
    func kindsOfSwiftMetrics() {
        let registry = PrometheusRegistry(describing: [])
        let meter = Meter(label: "meter", factory: registry)
        meter.set(5)
        meter.increment(by: 2)
        meter.decrement(by: 4)
        let seconds = FloatingPointCounter(label: "seconds", factory: registry)
        seconds.increment(by: 0.5)
        let counter = Counter(label: "counter", factory: registry)
        counter.increment(by: 7)
        counter.reset()
        let gauge = Gauge(label: "gauge", factory: registry)
        gauge.record(-3)
        let sizes = Recorder(label: "sizes", dimensions: [], aggregate: true, factory: registry)
        sizes.record(1.5)
        let wait = Timer(label: "wait", dimensions: [], factory: registry)
        wait.recordSeconds(2)
        func samples() -> [Substring] { registry.text().split(separator: "\n").filter { !$0.hasPrefix("#") } }
        #expect(
            samples() == [
                "counter 0", "gauge -3", "meter 3", "seconds 0.5", "sizes_sum 1.5", "sizes_count 1",
                "wait_sum 2", "wait_count 1",
            ]
        )
        meter.destroy()
        seconds.destroy()
        gauge.destroy()
        sizes.destroy()
        wait.destroy()
        #expect(samples() == ["counter 0"])
    }

    @Test("The figures of a process are those of the system")
    func process() {
        let figures = ProcessFigures()
        #expect(figures.processorSeconds > 0 && figures.processorSeconds < 3600)
        #expect(
            (figures.residentBytes ?? 0) > 1e6 && (figures.virtualBytes ?? 0) > (figures.residentBytes ?? 0)
        )
        #expect((figures.openDescriptors ?? 0) >= 3 && (figures.maximumDescriptors ?? 0) > 3)
        let age = Double(time(nil)) - (figures.startTime ?? 0)
        #expect(age > -1 && age < 3600)
        let before = figures.openDescriptors ?? 0
        let more = (0..<50).map { _ in open("/dev/null", O_RDONLY) }
        #expect((ProcessFigures().openDescriptors ?? 0) >= before + 40)
        for descriptor in more { close(descriptor) }
    }

    @Test("A file is replaced atomically, readable by all users with any umask, and never incomplete")
    func file() throws {
        var template = Array("/tmp/reversed-metrics-XXXXXX".utf8CString)
        #expect(mkdtemp(&template) != nil)
        let directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer { rmdir(directory) }
        let file = TextFile(path: "\(directory)/a.prom")
        try file.write("one\n")
        let old = open(file.path, O_RDONLY)
        defer { close(old) }
        try file.write("two\n")
        var bytes = [UInt8](repeating: 0, count: 10)
        #expect(read(old, &bytes, 10) == 4 && bytes[0] == UInt8(ascii: "o"))
        var status = stat()
        #expect(stat(file.path, &status) == 0 && status.st_mode & 0o777 == 0o644 && status.st_size == 4)
        file.remove()
        #expect(stat(file.path, &status) != 0)
        #expect(throws: (any Error).self) { try TextFile(path: "\(directory)/none/a.prom").write("x") }
    }

    @Test("A file of another kind, such as a device, is neither replaced nor removed")
    func otherKind() throws {
        var template = Array("/tmp/reversed-metrics-XXXXXX".utf8CString)
        #expect(mkdtemp(&template) != nil)
        let directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer { rmdir(directory) }
        let file = TextFile(path: "\(directory)/a.prom")
        defer { unlink(file.path) }
        #expect(mkfifo(file.path, 0o600) == 0)
        #expect(throws: (any Error).self) { try file.write("x") }
        file.remove()
        var status = stat()
        #expect(stat(file.path, &status) == 0 && status.st_mode & S_IFMT == S_IFIFO)
    }

    @Test("A file that cannot be replaced stays, and nothing is left beside it")
    func fileThatStays() throws {
        var template = Array("/tmp/reversed-metrics-XXXXXX".utf8CString)
        #expect(mkdtemp(&template) != nil)
        let directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer { rmdir(directory) }
        let path = "\(directory)/a.prom"
        #expect(mkdir(path, 0o700) == 0)
        defer { rmdir(path) }
        #expect { try TextFile(path: path).write("x") } throws: {
            "\($0)" == "cannot replace \(path): Is a directory"
        }
        #expect(access("\(path).\(getpid()).tmp", F_OK) != 0)
    }
}
