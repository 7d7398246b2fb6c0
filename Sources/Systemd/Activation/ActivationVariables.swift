import Glibc
import TextEscaping

/// The values of LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES, see sd_listen_fds(3).
///
/// They are not read with sd_listen_fds(3), which returns only an errno for invalid values: the log must name the variable and
/// its value.
struct ActivationVariables: Equatable {
    /// How many descriptors are passed to this process, from descriptor 3 on.
    private(set) var count: Int32 = 0
    /// `count` names, or none.
    private(set) var names: [String] = []
    private(set) var warnings: [String] = []
    /// The process in LISTEN_PID, if it is another one.
    private(set) var otherReceiver: UInt64?

    /// The name that systemd uses for a descriptor without a name.
    static let unknownName = "unknown"
    static let all = ["LISTEN_PID", "LISTEN_PIDFDID", "LISTEN_FDS", "LISTEN_FDNAMES"]

    /// - Parameter processID: The value that LISTEN_PID must have.
    init(_ environment: Environment, processID: pid_t) {
        guard let listenFDs = environment["LISTEN_FDS"] else { return }
        let largest = UInt64(Int32.max - 3)
        guard let count = DecimalNumber.parse(listenFDs), count <= largest else {
            warn(
                "LISTEN_FDS",
                listenFDs,
                "is not a number of sockets: it is ignored, no socket is taken over"
            )
            return
        }
        guard let listenPID = environment["LISTEN_PID"] else {
            warn("LISTEN_FDS", listenFDs, "stands without LISTEN_PID: it is ignored, no socket is taken over")
            return
        }
        guard let receiver = DecimalNumber.parse(listenPID), receiver > 0 else {
            warn("LISTEN_PID", listenPID, "is not a process: no socket is taken over")
            return
        }
        guard receiver == UInt64(clamping: processID) else {
            if count > 0 { otherReceiver = receiver }
            return
        }
        self.count = Int32(clamping: count)
        readNames(environment["LISTEN_FDNAMES"], count: count)
    }

    private mutating func readNames(_ listenFDNames: String?, count: UInt64) {
        guard let listenFDNames, count > 0 else { return }
        let given = listenFDNames.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        if UInt64(given.count) == count {
            names = given
        } else {
            warn(
                "LISTEN_FDNAMES",
                listenFDNames,
                "holds \(given.count) names for \(count) sockets: the names are ignored"
            )
        }
    }

    /// The name of the descriptor at `index`, counted from 0.
    func name(at index: Int) -> String {
        names.indices.contains(index) ? names[index] : Self.unknownName
    }

    private mutating func warn(_ name: String, _ value: String, _ problem: String) {
        warnings.append("\(name)=\(PrintableText.excerpt(value)) \(problem)")
    }
}
