import ArgumentParser
import Testing

@testable import CommandSupport

@Suite struct CompletionScriptsTests {
    private let scripts = CompletionScripts(
        bash: Array("b".utf8),
        zsh: Array("z".utf8),
        fish: Array("f".utf8)
    )

    @Test(
        arguments: [
            (["--generate-completion-script", "bash"], "b"), (["--generate-completion-script=zsh"], "z"),
            (["--generate-completion-script", "/usr/bin/fish"], "f"), (["--help"], nil), ([], nil),
            (["x", "--generate-completion-script", "bash"], nil),
        ] as [([String], String?)]
    )
    func theScriptOfTheShellThatIsNamed(arguments: [String], script: String?) throws {
        #expect(try scripts.requested(by: arguments) == script)
    }

    @Test func aShellWithoutAScriptIsRefused() {
        #expect(throws: ValidationError.self) {
            try scripts.requested(by: ["--generate-completion-script", "tcsh"])
        }
    }
}
