import CSystemd
import Dispatch
import Glibc
import Testing

/// A system bus with a service manager behind it: a socket that speaks D-Bus and answers about units what the test says.
///
/// libsystemd plays both sides. It finds this one by DBUS_SYSTEM_BUS_ADDRESS, so a test with it is a process of its own.
final class FakeManager: Sendable {
    /// The value of a property.
    enum Value: Sendable {
        case text(String)
        case texts([String])
        case flag(Bool)
        case number(UInt64)
        case count(UInt32)
        case job(UInt32, path: String)
        /// The manager does not answer the question.
        case silence
    }

    /// By object path, then by name. Other properties are refused.
    private let objects: [String: [String: Value]]
    /// The path of the unit that the process belongs to.
    private let ownUnit: String?

    /// Listens, and sets DBUS_SYSTEM_BUS_ADDRESS.
    init(in directory: TemporaryDirectory, ownUnit: String? = nil, _ objects: [String: [String: Value]])
        throws
    {
        self.objects = objects
        self.ownUnit = ownUnit
        let path = directory.path + "/bus"
        let listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        try #require(listener >= 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let bound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(bound == 0 && listen(listener, 10) == 0, "\(path): errno \(errno)")
        setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=\(path)", 1)
        DispatchQueue(label: "bus").async {
            while true {
                let client = accept(listener, nil, nil)
                guard client >= 0 else { return }
                DispatchQueue(label: "bus").async { self.serve(client) }
            }
        }
    }

    private func serve(_ client: Int32) {
        var bus: OpaquePointer?
        sd_bus_new(&bus)
        sd_bus_set_fd(bus, client, client)
        sd_bus_set_server(bus, 1, sd_id128_t())
        sd_bus_set_anonymous(bus, 1)
        sd_bus_add_filter(
            bus,
            nil,
            { message, manager, _ in
                guard let message, let manager else { return 0 }
                return Unmanaged<FakeManager>.fromOpaque(manager).takeUnretainedValue().answer(message)
            },
            Unmanaged.passUnretained(self).toOpaque()
        )
        sd_bus_start(bus)
        while true {
            let result = sd_bus_process(bus, nil)
            if result < 0 { break }
            if result == 0 { sd_bus_wait(bus, .max) }
        }
        sd_bus_unref(bus)
    }

    private func answer(_ call: OpaquePointer) -> Int32 {
        switch sd_bus_message_get_member(call).map({ String(cString: $0) }) {
        case "Hello":
            reply(to: call) { append("s", ":1.1", to: $0) }
        case "GetUnitByPID":
            guard let ownUnit else { return sd_bus_reply_method_errno(call, ENOENT, nil) }
            reply(to: call) { append("o", ownUnit, to: $0) }
        case "Get":
            _ = readText(call)
            let object = sd_bus_message_get_path(call).map { String(cString: $0) } ?? ""
            guard let value = objects[object]?[readText(call)] else {
                return sd_bus_reply_method_errno(call, ENOENT, nil)
            }
            send(value, to: call)
        default: return 0
        }
        return 1
    }

    private func send(_ value: Value, to call: OpaquePointer) {
        switch value {
        case .text(let text): reply(to: call, "s") { append("s", text, to: $0) }
        case .texts(let texts):
            reply(to: call, "as") { reply in
                contain("a", "s", in: reply) { texts.forEach { append("s", $0, to: reply) } }
            }
        case .flag(let flag): reply(to: call, "b") { append("b", Int32(flag ? 1 : 0), to: $0) }
        case .number(let number): reply(to: call, "t") { append("t", number, to: $0) }
        case .count(let count): reply(to: call, "u") { append("u", count, to: $0) }
        case .job(let number, let path):
            reply(to: call, "(uo)") { reply in
                contain("r", "uo", in: reply) {
                    append("u", number, to: reply)
                    append("o", path, to: reply)
                }
            }
        case .silence: break
        }
    }

    /// Sends a reply with what `body` appends, in a variant if there is a `type`.
    private func reply(to call: OpaquePointer, _ type: String? = nil, _ body: (OpaquePointer) -> Void) {
        var reply: OpaquePointer?
        guard sd_bus_message_new_method_return(call, &reply) >= 0, let reply else { return }
        if let type { contain("v", type, in: reply) { body(reply) } } else { body(reply) }
        sd_bus_send(nil, reply, nil)
        sd_bus_message_unref(reply)
    }

    private func contain(
        _ kind: Unicode.Scalar,
        _ type: String,
        in message: OpaquePointer,
        _ body: () -> Void
    ) {
        sd_bus_message_open_container(message, CChar(truncatingIfNeeded: kind.value), type)
        body()
        sd_bus_message_close_container(message)
    }

    private func append(_ type: Unicode.Scalar, _ text: String, to message: OpaquePointer) {
        sd_bus_message_append_basic(message, CChar(truncatingIfNeeded: type.value), text)
    }

    private func append<Number: FixedWidthInteger & BitwiseCopyable>(
        _ type: Unicode.Scalar,
        _ number: Number,
        to message: OpaquePointer
    ) {
        withUnsafeBytes(of: number) {
            _ = sd_bus_message_append_basic(message, CChar(truncatingIfNeeded: type.value), $0.baseAddress)
        }
    }

    private func readText(_ message: OpaquePointer) -> String {
        var text: UnsafePointer<CChar>?
        let result = sd_bus_message_read_basic(message, CChar(truncatingIfNeeded: SD_BUS_TYPE_STRING), &text)
        return result < 0 ? "" : text.map { String(cString: $0) } ?? ""
    }
}
