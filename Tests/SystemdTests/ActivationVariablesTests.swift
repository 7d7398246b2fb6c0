import Testing

@testable import Systemd

@Suite struct ActivationVariablesTests {
    private func read(_ environment: Environment) -> ActivationVariables {
        ActivationVariables(environment, processID: 7)
    }

    @Test func absentOrForAnotherProcessIsNothing() {
        #expect(read([:]) == read(["LISTEN_PID": "7"]))
        for environment: Environment in [[:], ["LISTEN_FDS": "2", "LISTEN_PID": "8"]] {
            #expect(read(environment).count == 0)
            #expect(read(environment).warnings.isEmpty)
        }
    }

    @Test func socketsWithAndWithoutNames() {
        let named = read(["LISTEN_FDS": "3", "LISTEN_PID": "7", "LISTEN_FDNAMES": "a::reversed.socket"])
        #expect(named.count == 3 && named.warnings.isEmpty)
        #expect((0..<4).map(named.name) == ["a", "", "reversed.socket", "unknown"])
        let nameless = read(["LISTEN_FDS": "1", "LISTEN_PID": "7"])
        #expect(nameless.count == 1 && nameless.warnings.isEmpty)
        #expect(nameless.name(at: 0) == "unknown")
        let none = read(["LISTEN_FDS": "0", "LISTEN_PID": "7", "LISTEN_FDNAMES": ""])
        #expect(none.count == 0 && none.warnings.isEmpty)
    }

    @Test func tooFewNamesAreNoNames() {
        let variables = read(["LISTEN_FDS": "2", "LISTEN_PID": "7", "LISTEN_FDNAMES": "one"])
        #expect(variables.count == 2)
        #expect(variables.name(at: 0) == "unknown")
        #expect(
            variables.warnings.count == 1
                && variables.warnings[0].hasPrefix("LISTEN_FDNAMES=one holds 1 name")
        )
    }

    @Test(arguments: [
        "-2", "2a", "a2", "", " 2", "+2", "0x2", "2147483647", "99999999999999999999999", "2\n",
    ])
    func aNonsenseCountIsAWarning(_ value: String) {
        for processID in ["7", "8"] {
            let variables = read(["LISTEN_FDS": value, "LISTEN_PID": processID])
            #expect(variables.count == 0)
            #expect(variables.warnings.count == 1)
            #expect(variables.warnings.allSatisfy { $0.hasPrefix("LISTEN_FDS=") && !$0.contains("\n") })
        }
    }

    @Test(arguments: ["x", "", "-7", "0", "99999999999999999999999"])
    func aNonsenseProcessIsAWarning(_ value: String) {
        let variables = read(["LISTEN_FDS": "1", "LISTEN_PID": value])
        #expect(variables.count == 0)
        #expect(variables.warnings.count == 1 && variables.warnings[0].hasPrefix("LISTEN_PID="))
    }

    @Test func aCountWithoutAProcessIsAWarning() {
        let variables = read(["LISTEN_FDS": "1"])
        #expect(variables.count == 0)
        #expect(variables.warnings.count == 1 && variables.warnings[0].contains("without LISTEN_PID"))
    }
}
