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

    private let bus: ManagerBus
    private let path: String

    /// Finds a unit; nil if there is no manager, or it has no such unit.
    ///
    /// - Parameters:
    ///   - name: With its suffix, such as `reversed.service`.
    ///   - timeout: How long the answer to each question may take.
    public init?(_ name: String, timeout: Duration = .seconds(2)) {
        guard let bus = ManagerBus(timeout: timeout) else { return nil }
        (self.bus, path) = (bus, ManagerBus.path(ofUnit: name))
        guard text("LoadState", .unit) == "loaded" else { return nil }
    }

    /// The unit of this process; nil if there is no manager, or the process is not the main one of its unit, because another
    /// program has started it.
    ///
    /// - Parameter timeout: How long the answer to each question may take.
    public init?(ofThisProcessWithin timeout: Duration) {
        guard let bus = ManagerBus(timeout: timeout), let path = bus.pathOfOwnUnit() else { return nil }
        (self.bus, self.path) = (bus, path)
        guard count("MainPID") == UInt32(clamping: getpid()) else { return nil }
    }

    /// A property that is a text; nil when the unit does not have it.
    public func text(_ property: String, _ interface: Interface = .service) -> String? {
        bus.text(at(property, interface))
    }

    /// A property that is true or false.
    public func flag(_ property: String, _ interface: Interface = .service) -> Bool? {
        // sd-bus writes a boolean as an int, see sd_bus_message_read_basic(3).
        bus.value(at(property, interface), type: "b", initially: Int32(0)).map { $0 != 0 }
    }

    /// A property that is a number, a limit or a set of bits.
    public func number(_ property: String, _ interface: Interface = .service) -> UInt64? {
        bus.value(at(property, interface), type: "t", initially: UInt64(0))
    }

    /// A property that is a list of texts.
    public func texts(_ property: String, _ interface: Interface = .service) -> [String]? {
        bus.texts(at(property, interface))
    }

    /// The job of the unit; nil if the manager does not answer.
    public var job: ServiceJob? {
        guard let job = jobPath(ofUnitAt: path) else { return nil }
        guard job.number != 0 else { return .nothing }
        let type = ManagerBus.Property(
            object: job.path,
            interface: "org.freedesktop.systemd1.Job",
            name: "JobType"
        )
        return switch bus.text(type) {
        case nil: nil
        // A restart that waits for its second half is a start.
        case "restart", "try-restart": .restart(startsSocket: startsSocket, hasStore: hasStore)
        case let other?: .other(other)
        }
    }

    /// Whether the file descriptor store takes another descriptor; true if the manager does not say.
    private var hasStore: Bool {
        guard let most = count("FileDescriptorStoreMax"), let stored = count("NFileDescriptorStore") else {
            return true
        }
        return stored < most
    }

    /// Whether a socket unit of this service has a job, which beside a restart can only be its start.
    private var startsSocket: Bool {
        (texts("TriggeredBy", .unit) ?? []).contains { name in
            jobPath(ofUnitAt: ManagerBus.path(ofUnit: name)).map { $0.number != 0 } ?? false
        }
    }

    /// The number and the path of a unit's job, 0 without one.
    private func jobPath(ofUnitAt path: String) -> (number: UInt32, path: String)? {
        bus.numberAndPath(
            ManagerBus.Property(object: path, interface: Interface.unit.rawValue, name: "Job")
        )
    }

    /// A property of a service that is a number of 32 bits.
    private func count(_ property: String) -> UInt32? {
        bus.value(at(property, .service), type: "u", initially: UInt32(0))
    }

    private func at(_ property: String, _ interface: Interface) -> ManagerBus.Property {
        ManagerBus.Property(object: path, interface: interface.rawValue, name: property)
    }
}
