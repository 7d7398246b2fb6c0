import Systemd
import Testing

@Suite struct ServiceDirectoriesTests {
    @Test func eachSettingHasItsList() {
        let directories = ServiceDirectories(environment: [
            "RUNTIME_DIRECTORY": "/run/greeter",
            "STATE_DIRECTORY": "/var/lib/greeter:/var/lib/shared",
            "CACHE_DIRECTORY": "/var/cache/greeter",
            "LOGS_DIRECTORY": "/var/log/greeter",
            "CONFIGURATION_DIRECTORY": "/etc/greeter",
        ])
        #expect(directories.runtime == ["/run/greeter"])
        #expect(directories.state == ["/var/lib/greeter", "/var/lib/shared"])
        #expect(directories.cache == ["/var/cache/greeter"])
        #expect(directories.logs == ["/var/log/greeter"])
        #expect(directories.configuration == ["/etc/greeter"])
        #expect(directories.warnings.isEmpty)
    }

    @Test(arguments: [[:], ["STATE_DIRECTORY": ""]] as [Environment])
    func outsideSystemdEveryListIsEmpty(_ environment: Environment) {
        let directories = ServiceDirectories(environment: environment)
        #expect(directories == ServiceDirectories(environment: [:]))
        #expect(directories.state.isEmpty && directories.warnings.isEmpty)
    }

    @Test(arguments: [(":", 2), ("relative", 1), ("..", 1), ("/a::/b", 1), ("\u{1b}[31m", 1)])
    func whatIsNoAbsolutePathIsAWarning(_ value: String, warnings: Int) {
        let directories = ServiceDirectories(environment: ["CACHE_DIRECTORY": "/first:\(value):/last"])
        #expect(directories.cache.first == "/first" && directories.cache.last == "/last")
        #expect(directories.warnings.count == warnings)
        #expect(directories.warnings.allSatisfy { $0.contains("CACHE_DIRECTORY") && !$0.contains("\u{1b}") })
    }
}
