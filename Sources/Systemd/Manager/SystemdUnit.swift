import CSystemd
import Glibc

/// A unit of the system's service manager, drop-ins included (org.freedesktop.systemd1(5)).
///
/// Every call asks the manager and waits for its answer, by default at most two seconds: use it in tools, not in a daemon that
/// serves clients.
public final class SystemdUnit {
    /// The interface of a property.
    public enum Interface: String, Sendable {
        /// Properties of every unit, such as ActiveState.
        case unit = "org.freedesktop.systemd1.Unit"
        /// Properties of a service, such as PrivateTmp.
        case service = "org.freedesktop.systemd1.Service"
    }

    private let bus: OpaquePointer
    let path: String

    /// Finds a unit; nil if there is no manager, or it has no such unit.
    ///
    /// - Parameters:
    ///   - name: with its suffix, such as `reversed.service`.
    ///   - timeout: how long the answer to each question may take.
    public init?(_ name: String, timeout: Duration = .seconds(2)) {
        var bus: OpaquePointer?
        guard sd_bus_open_system(&bus) >= 0, let bus else { return nil }
        self.bus = bus
        sd_bus_set_method_call_timeout(bus, timeout.wholeMicroseconds)
        path = Self.path(of: name)
        guard text("LoadState", .unit) == "loaded" else { return nil }
    }

    /// The unit of this process; nil if there is no manager, or the process is not the main one of its unit, because another
    /// program has started it.
    ///
    /// - Parameter timeout: how long the answer to each question may take.
    public init?(ofThisProcessWithin timeout: Duration) {
        var bus: OpaquePointer?
        guard sd_bus_open_system(&bus) >= 0, let bus else { return nil }
        self.bus = bus
        sd_bus_set_method_call_timeout(bus, timeout.wholeMicroseconds)
        // Ask the manager. sd_pid_get_unit(3) reads /proc/1, which a sandbox hides (ProtectProc=).
        path = Self.pathOfCaller(bus) ?? ""
        guard count("MainPID") == UInt32(clamping: getpid()) else {
            return nil
        }
    }

    private static func pathOfCaller(_ bus: OpaquePointer) -> String? {
        var call: OpaquePointer?
        let manager = "org.freedesktop.systemd1"
        let object = "/org/freedesktop/systemd1"
        let interface = "org.freedesktop.systemd1.Manager"
        guard sd_bus_message_new_method_call(bus, &call, manager, object, interface, "GetUnitByPID") >= 0
        else {
            return nil
        }
        defer { sd_bus_message_unref(call) }
        // 0 is the calling process.
        var process: UInt32 = 0
        var reply: OpaquePointer?
        guard sd_bus_message_append_basic(call, CChar(truncatingIfNeeded: SD_BUS_TYPE_UINT32), &process) >= 0,
            sd_bus_call(bus, call, 0, nil, &reply) >= 0
        else { return nil }
        defer { sd_bus_message_unref(reply) }
        var path: UnsafePointer<CChar>?
        guard
            sd_bus_message_read_basic(reply, CChar(truncatingIfNeeded: SD_BUS_TYPE_OBJECT_PATH), &path) >= 0,
            let path
        else { return nil }
        return String(cString: path)
    }

    deinit {
        sd_bus_flush_close_unref(bus)
    }

    /// A property that is a text; nil when the unit does not have it.
    public func text(_ property: String, _ interface: Interface = .service) -> String? {
        Self.take { result in
            sd_bus_get_property_string(bus, Self.manager, path, interface.rawValue, property, nil, result)
        }
    }

    /// A property that is true or false.
    public func flag(_ property: String, _ interface: Interface = .service) -> Bool? {
        // sd-bus writes a boolean as an int, see sd_bus_message_read_basic(3).
        read(property, interface, type: "b", initially: Int32(0)).map { $0 != 0 }
    }

    /// A property that is a number, a limit or a set of bits.
    public func number(_ property: String, _ interface: Interface = .service) -> UInt64? {
        read(property, interface, type: "t", initially: UInt64(0))
    }

    /// A property of a service that is a number of 32 bits.
    func count(_ property: String) -> UInt32? {
        read(property, .service, type: "u", initially: UInt32(0))
    }

    /// A property that is a list of texts.
    public func texts(_ property: String, _ interface: Interface = .service) -> [String]? {
        var list: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
        let path = path
        let name = interface.rawValue
        guard sd_bus_get_property_strv(bus, Self.manager, path, name, property, nil, &list) >= 0 else {
            return nil
        }
        defer { free(list) }
        var texts: [String] = []
        var next = list
        while let entry = next?.pointee {
            texts.append(String(cString: entry))
            free(entry)
            next = next?.successor()
        }
        return texts
    }

    /// The object path of the unit with that name.
    static func path(of name: String) -> String {
        take { sd_bus_path_encode("/org/freedesktop/systemd1/unit", name, $0) } ?? ""
    }

    /// The number and the path of a unit's job, 0 without one.
    func jobPath(ofUnitAt path: String) -> (number: UInt32, path: String)? {
        var reply: OpaquePointer?
        let interface = Interface.unit.rawValue
        guard sd_bus_get_property(bus, Self.manager, path, interface, "Job", nil, &reply, "(uo)") >= 0 else {
            return nil
        }
        defer { sd_bus_message_unref(reply) }
        var number: UInt32 = 0
        var text: UnsafePointer<CChar>?
        guard sd_bus_message_enter_container(reply, CChar(truncatingIfNeeded: SD_BUS_TYPE_STRUCT), "uo") >= 0,
            sd_bus_message_read_basic(reply, CChar(truncatingIfNeeded: SD_BUS_TYPE_UINT32), &number) >= 0,
            sd_bus_message_read_basic(reply, CChar(truncatingIfNeeded: SD_BUS_TYPE_OBJECT_PATH), &text) >= 0,
            let text
        else { return nil }
        return (number, String(cString: text))
    }

    /// A property of a job that is a text.
    func text(_ property: String, ofJobAt job: String) -> String? {
        Self.take { result in
            sd_bus_get_property_string(
                bus,
                Self.manager,
                job,
                "org.freedesktop.systemd1.Job",
                property,
                nil,
                result
            )
        }
    }

    private static let manager = "org.freedesktop.systemd1"

    private func read<Value>(
        _ property: String,
        _ interface: Interface,
        type: Unicode.Scalar,
        initially value: Value
    ) -> Value? {
        var value = value
        let result = withUnsafeMutableBytes(of: &value) { bytes in
            sd_bus_get_property_trivial(
                bus,
                Self.manager,
                path,
                interface.rawValue,
                property,
                nil,
                CChar(truncatingIfNeeded: type.value),
                bytes.baseAddress
            )
        }
        return result >= 0 ? value : nil
    }

    /// A text that the library allocated and the caller frees.
    private static func take(
        _ call: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Int32
    ) -> String? {
        var text: UnsafeMutablePointer<CChar>?
        guard call(&text) >= 0, let text else { return nil }
        defer { free(text) }
        return String(cString: text)
    }
}
