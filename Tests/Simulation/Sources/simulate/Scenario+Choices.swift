import DispatchServer
import Sockets
import World

// The random choices of a run.
extension Scenario {
    static func makeConditions(_ random: inout Random, isFaultless: Bool) -> Conditions {
        var conditions = Conditions()
        conditions.threads = random.within(1...4)
        conditions.processors = random.within(1...4)
        conditions.callTime = random.pick([200, 2000, 20_000, 200_000])
        conditions.latency = random.pick([100_000, 5_000_000, 40_000_000])
        conditions.preemptsOneIn = random.pick([0, 3, 20, 200])
        conditions.descriptorLimit = random.pick([170, 400, 5000])
        conditions.isPartial = random.oneIn(2)
        guard !isFaultless else { return conditions }
        conditions.failsOneIn = random.pick([0, 50, 300, 2000, 10_000])
        conditions.falseEventsOneIn = random.pick([0, 20, 200])
        conditions.stallsOneIn = random.pick([0, 0, 100])
        return conditions
    }

    static func makeConfiguration(_ random: inout Random) -> Configuration {
        let options = LineSession.Options(makesOutput: random.oneIn(4))
        let endpoints: [Endpoint] = [
            .internet(host: random.pick(["127.0.0.1", "0.0.0.0", "::"]), port: 5000),
            .internet(host: random.pick(["127.0.0.1", "::1"]), port: 5001),
            .internet(host: "127.0.0.1", port: 0),
            .internet(host: "127.0.0.1", port: 0),
            .unix(path: "/run/a"),
            .unix(path: "/run/b"),
            .internet(host: "127.0.0.1", port: ProxyHeaders.port),
            .unix(path: ProxyHeaders.path),
        ]
        var chosen = endpoints.filter { _ in random.oneIn(2) }
        if chosen.isEmpty { chosen = [endpoints[0]] }
        let ipv6Only = random.oneIn(2)
        var configuration = Configuration(
            listeners: chosen.map {
                ListenerConfiguration(
                    endpoint: $0,
                    ipv6Only: ipv6Only,
                    proxyProtocol: proxyProtocol($0),
                    options: options
                )
            },
            options: options,
            sessionLimits: .init(maximumLine: random.pick([10, 100, 5000, 70_000, 300_000]))
        )
        configuration.limits.maximumConnections = random.pick([1, 2, 5, 20, 100])
        configuration.limits.maximumConnectionsPerClient = random.pick([
            .automatic, .chosen(nil), .chosen(1), .chosen(3),
        ])
        configuration.limits.maximumBufferedBytes = random.pick([
            .automatic, .automatic, .chosen(20_000), .chosen(300_000),
        ])
        configuration.limits.idleTimeout = random.pick([
            nil, .milliseconds(50), .milliseconds(400), .seconds(5),
        ])
        configuration.limits.firstRequestTimeout = random.pick([
            nil, .milliseconds(30), .milliseconds(500), .seconds(3),
        ])
        configuration.limits.drainTimeout = random.pick([.zero, .milliseconds(50), .seconds(1), .seconds(10)])
        return configuration
    }

    private static func proxyProtocol(_ endpoint: Endpoint) -> ProxyProtocol {
        let isExpected =
            switch endpoint {
            case .internet(_, let port): port == ProxyHeaders.port
            case .unix(let path): path == ProxyHeaders.path
            }
        let trusted = isExpected ? try? Network(parsing: ProxyHeaders.trusted) : nil
        return ProxyProtocol(isExpected: isExpected, trusted: trusted.map { [$0] } ?? [])
    }
}
