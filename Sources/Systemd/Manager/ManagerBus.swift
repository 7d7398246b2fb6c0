import CSystemd
import Glibc

/// A connection to the system's bus, for questions to the service manager (org.freedesktop.systemd1(5), sd-bus(3)). Each one waits
/// for the answer.
@safe final class ManagerBus {
    /// A property of an object of the manager.
    struct Property {
        let object: String
        let interface: String
        let name: String
    }

    private static let manager = "org.freedesktop.systemd1"

    private let bus: OpaquePointer

    /// Nil if there is no bus.
    ///
    /// - Parameter timeout: How long an answer may take.
    init?(timeout: Duration) {
        var bus: OpaquePointer?
        guard unsafe sd_bus_open_system(&bus) >= 0, let opened = unsafe bus else { return nil }
        unsafe self.bus = unsafe opened
        unsafe sd_bus_set_method_call_timeout(opened, timeout.wholeMicroseconds)
    }

    deinit { unsafe sd_bus_flush_close_unref(bus) }

    /// The object path of the unit with that name.
    static func path(ofUnit name: String) -> String {
        unsafe takeText { unsafe sd_bus_path_encode("/org/freedesktop/systemd1/unit", name, $0) } ?? ""
    }

    /// The object path of the unit of this process, nil without an answer.
    ///
    /// sd_pid_get_unit(3) reads /proc/1, which a sandbox hides (ProtectProc=).
    func pathOfOwnUnit() -> String? {
        let object = "/org/freedesktop/systemd1"
        let interface = "org.freedesktop.systemd1.Manager"
        var call: OpaquePointer?
        defer { unsafe sd_bus_message_unref(call) }
        var reply: OpaquePointer?
        defer { unsafe sd_bus_message_unref(reply) }
        // 0 is the calling process.
        var process: UInt32 = 0
        guard
            unsafe sd_bus_message_new_method_call(bus, &call, Self.manager, object, interface, "GetUnitByPID")
                >= 0,
            unsafe sd_bus_message_append_basic(call, Self.code("u"), &process) >= 0,
            unsafe sd_bus_call(bus, call, 0, nil, &reply) >= 0
        else { return nil }
        return unsafe Self.readText(reply, "o")
    }

    /// A property that is a text.
    func text(_ property: Property) -> String? {
        unsafe read(property, "s") { unsafe Self.readText($0, "s") }
    }

    /// A property that is a list of texts.
    func texts(_ property: Property) -> [String]? {
        unsafe read(property, "as") { reply in
            var list: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
            guard unsafe sd_bus_message_read_strv(reply, &list) >= 0 else { return nil }
            defer { unsafe free(list) }
            var texts: [String] = []
            while let entry = unsafe list?[texts.count] {
                unsafe texts.append(String(cString: entry))
                unsafe free(entry)
            }
            return texts
        }
    }

    /// A property of a basic type of D-Bus that is no text.
    func value<Value: BitwiseCopyable>(_ property: Property, type: Unicode.Scalar, initially value: Value)
        -> Value?
    {
        unsafe read(property, "\(type)") { reply in
            var value = value
            let result = unsafe withUnsafeMutableBytes(of: &value) { bytes in
                unsafe sd_bus_message_read_basic(reply, Self.code(type), bytes.baseAddress)
            }
            return result > 0 ? value : nil
        }
    }

    /// A property that is a number of 32 bits and an object path.
    func numberAndPath(_ property: Property) -> (number: UInt32, path: String)? {
        unsafe read(property, "(uo)") { reply in
            var number: UInt32 = 0
            guard unsafe sd_bus_message_enter_container(reply, Self.code("r"), "uo") >= 0,
                unsafe sd_bus_message_read_basic(reply, Self.code("u"), &number) >= 0,
                let path = unsafe Self.readText(reply, "o")
            else { return nil }
            return (number, path)
        }
    }

    /// Asks for a property of this type; nil without an answer.
    private func read<Value>(_ property: Property, _ type: String, _ body: (OpaquePointer?) -> Value?)
        -> Value?
    {
        var reply: OpaquePointer?
        defer { unsafe sd_bus_message_unref(reply) }
        let result = unsafe sd_bus_get_property(
            bus,
            Self.manager,
            property.object,
            property.interface,
            property.name,
            nil,
            &reply,
            type
        )
        return result >= 0 ? unsafe body(reply) : nil
    }

    /// The next text of a message, "s", or object path, "o".
    private static func readText(_ message: OpaquePointer?, _ type: Unicode.Scalar) -> String? {
        var text: UnsafePointer<CChar>?
        guard unsafe sd_bus_message_read_basic(message, code(type), &text) >= 0 else { return nil }
        return unsafe text.map { unsafe String(cString: $0) }
    }

    /// A text that the library allocates and the caller frees.
    private static func takeText(_ call: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Int32)
        -> String?
    {
        var text: UnsafeMutablePointer<CChar>?
        defer { unsafe free(text) }
        guard unsafe call(&text) >= 0 else { return nil }
        return unsafe text.map { unsafe String(cString: $0) }
    }

    /// A type as sd-bus has it.
    private static func code(_ type: Unicode.Scalar) -> CChar { CChar(truncatingIfNeeded: type.value) }
}
