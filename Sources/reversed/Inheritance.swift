import DispatchServer
import Systemd

/// What the process before has left in the file descriptor store.
struct Inheritance {
    /// The name of the socket that has the conversations.
    static let conversationsName = "conversations"

    /// Sockets with conversations; more than one where a process ended before it took over all of them.
    let conversations: [Int32]
    let listeners: [StoredListener]
    /// The names of what somebody else has stored, or an older release.
    let foreignNames: [String]

    init(_ handedIn: ActivationSockets) {
        conversations = handedIn.stored.filter { $0.name == Self.conversationsName }.map(\.descriptor)
        listeners = handedIn.stored.filter { StoredListener.isName($0.name) }
            .map { StoredListener(descriptor: $0.descriptor, name: $0.name) }
        foreignNames = handedIn.closedNames
    }

    /// Whether the daemon stores descriptors under this name.
    static func isName(_ name: String) -> Bool { name == conversationsName || StoredListener.isName(name) }
}
