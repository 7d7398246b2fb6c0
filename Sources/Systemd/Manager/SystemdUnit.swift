import CSystemd
import Glibc

/// A unit as the system's service manager knows it, drop-ins included (org.freedesktop.systemd1(5)).
///
/// Every question goes to the manager and waits for its answer, two seconds at most: for tools, not for a daemon that serves.
public final class SystemdUnit {
    /// Which of a unit's interfaces has a property.
    public enum Interface: String, Sendable {
        /// What every unit has, such as ActiveState.
        case unit = "org.freedesktop.systemd1.Unit"
        /// What a service has, such as PrivateTmp.
        case service = "org.freedesktop.systemd1.Service"
    }

    private let bus: OpaquePointer
    private let path: String

    /// nil when there is no manager to ask, or it has no such unit.
    ///
    /// - Parameter name: with its suffix, such as `reversed.service`.
    public init?(_ name: String) {
        var bus: OpaquePointer?
        guard sd_bus_open_system(&bus) >= 0, let bus else { return nil }
        self.bus = bus
        sd_bus_set_method_call_timeout(bus, 2_000_000)
        path = Self.take { sd_bus_path_encode("/org/freedesktop/systemd1/unit", name, $0) } ?? ""
        guard text("LoadState", .unit) == "loaded" else { return nil }
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
