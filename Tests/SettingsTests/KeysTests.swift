import DispatchServer
import Sockets
import Testing

@testable import Settings

@Suite("The table of keys")
struct KeysTests {
    @Test("Each key sets its part of the settings and is printed, and each part has a key")
    func parts() throws {
        let defaults = parts(of: Settings())
        var covered: Set<String> = []
        for key in KeyFacts.all {
            let changed = try #require(
                try documents(setting: key).lazy.map { try settings($0) }.first { $0 != Settings() }
            )
            let parts = parts(of: changed)
            let differing = defaults.keys.filter { defaults[$0] != parts[$0] }
            #expect(!differing.isEmpty, "\(key.name) sets nothing")
            if [.limits, .log, .metrics].contains(key.section) {
                #expect(differing.count == 1, "\(key.name): \(differing)")
            }
            covered.formUnion(differing)
            #expect(try settings(changed.toml) == changed, "\(key.name)")
        }
        #expect(covered == Set(defaults.keys), "what has no key cannot be set")
    }

    @Test("A limit of the server has the name of its key")
    func limits() {
        #expect(Settings.name(of: \.maximumConnections) == "limits.max_connections")
        #expect(Settings.name(of: \.idleTimeout) == "limits.idle_timeout")
    }

    @Test("A key that may be 0 says so in the notation of its type")
    func zero() {
        let number = Notation<Int>.wholeNumber(1...9).orZero(for: "as many as fit")
        #expect(number.allowed == ["1", "9", "0"])
        #expect(number.write(nil) == "0" && number.write(3) == "3")
        #expect((try? number.read(TOMLValue(content: .integer(0), line: 1))) == .some(nil))
        #expect(
            throws: Refusal("must be a whole number from 1 to 9, or 0 for as many as fit"),
            performing: { try number.read(TOMLValue(content: .integer(10), line: 1)) }
        )
        let size = Notation<Int>.size(1024...4096).orZero(for: "none")
        #expect(size.write(nil) == "\"0\"" && size.write(2048) == "\"2KiB\"")
        #expect((try? size.read(TOMLValue(content: .string("0B"), line: 1))) == .some(nil))
    }

    @Test("Names are in one table only once")
    func names() {
        for section in Section.allCases { #expect(Set(section.names).count == section.names.count) }
    }

    /// Documents that set `key` to each value that is documented as allowed, or to another one of its type.
    private func documents(setting key: KeyFacts) -> [String] {
        let header = key.section == .top ? "" : key.section.header + "\n"
        let host =
            key.name == "ipv6_only"
            ? "host = '::'\n" : key.section == .listener && key.name != "path" ? "path = '/s'\n" : ""
        // These two are allowed only together.
        let companion =
            ["proxy_protocol": "trusted = ['::1']\n", "trusted": "proxy_protocol = true\n"][key.name] ?? ""
        let values =
            [
                "host": ["\"::1\""], "path": ["\"/s\""], "trusted": ["['::1']"], "file": ["\"/s\""],
                "listen": ["\"/s\""],
            ][key.name]
            ?? key.allowed + ["true", "false"]
        return values.map { "\(header)\(host)\(companion)\(key.name) = \($0)" }
            .filter { mistakes($0).isEmpty }
    }

    /// The innermost properties of a value by their names; for an array, those of the first element.
    private func parts(of value: Any, named name: String = "") -> [String: String] {
        let mirror = Mirror(reflecting: value)
        if mirror.displayStyle == .collection, !(value is [Network]) {
            return mirror.children.first.map { parts(of: $0.value, named: name + "[0]") } ?? [:]
        }
        guard mirror.displayStyle == .struct, !mirror.children.isEmpty, !(value is Duration) else {
            return [name: "\(value)"]
        }
        return mirror.children.reduce(into: [:]) { result, child in
            result.merge(parts(of: child.value, named: "\(name).\(child.label ?? "")")) { first, _ in first }
        }
    }
}
