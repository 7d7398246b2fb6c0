import DispatchServer
import Sockets

extension TableReader {
    /// Refuses a listener that would trust every peer, and a list of networks that has no effect. A listener keeps only the
    /// networks that it uses: those of the top level apply to all Internet listeners that expect a header.
    ///
    /// - Parameter table: The listener's own table, or the top level.
    mutating func checkProxyProtocol(of listener: inout Settings.Listener, in table: Table) {
        let networks = listener.proxyProtocol.trusted
        let isUnix = if case .unix = listener.endpoint { true } else { false }
        if isUnix || !listener.proxyProtocol.isExpected { listener.proxyProtocol.trusted = [] }
        // With [[listener]] tables, the top level describes no listener itself.
        let isOwn = table.section == .listener || table.values[Section.listener.rawValue] == nil
        let hasOwnNetworks = isOwn && table.values["trusted"] != nil && !networks.isEmpty
        guard listener.proxyProtocol.isExpected else {
            if hasOwnNetworks { refuseUnusedNetworks(in: table) }
            return
        }
        // The key may be at the top level.
        let key = table.values["proxy_protocol"] == nil ? nil : "proxy_protocol"
        // Networks that were refused are not missing as well.
        let names = ["trusted", table.name(of: "trusted")]
        if isUnix {
            if hasOwnNetworks {
                refuse(
                    "trusted",
                    in: table,
                    "belongs to host and port: of a Unix socket, mode says who may connect"
                )
            }
            if listener.mode & 0o002 != 0 {
                refuse(
                    key,
                    in: table,
                    "lets every user of this machine say who the client is: give it a mode for the load balancer only, "
                        + "such as mode = \"0660\""
                )
            }
        } else if networks.isEmpty, !mistakes.contains(where: { names.contains($0.key ?? "") }) {
            refuse(
                key,
                in: table,
                "needs the networks of the load balancers, such as trusted = [\"10.0.0.0/8\"]"
            )
        }
    }

    /// Reports that the networks of a table have no effect, because an operator may rely on them.
    mutating func refuseUnusedNetworks(in table: Table) {
        refuse(
            "trusted",
            in: table,
            "is for load balancers and needs proxy_protocol = true; IPAddressAllow= of the unit says who may "
                + "connect at all"
        )
    }

    private mutating func refuse(_ key: String?, in listener: Table, _ problem: String) {
        if let key {
            refuse(key, in: listener, problem)
        } else {
            refuse(listener, "proxy_protocol = true \(problem)")
        }
    }
}
