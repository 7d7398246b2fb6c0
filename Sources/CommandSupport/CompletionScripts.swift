import ArgumentParser
import Glibc

/// The completion scripts of a program. They are written by hand, because the generated ones of the argument parser do not
/// work in zsh and offer wrong words.
public struct CompletionScripts: Sendable {
    let bash: [UInt8]
    let zsh: [UInt8]
    let fish: [UInt8]

    /// Creates the scripts from UTF-8 bytes.
    public init(bash: [UInt8], zsh: [UInt8], fish: [UInt8]) {
        self.bash = bash
        self.zsh = zsh
        self.fish = fish
    }

    /// The script that `--generate-completion-script [shell]` asks for; `$SHELL` if no shell is named. Nil if the arguments do
    /// not begin with this option.
    ///
    /// - Throws: A `ValidationError` for a shell without a script.
    public func requested(by arguments: [String]) throws -> String? {
        let option = "--generate-completion-script"
        guard let first = arguments.first, first == option || first.hasPrefix(option + "=") else {
            return nil
        }
        let named = first == option ? arguments.dropFirst().first : String(first.dropFirst(option.count + 1))
        let path = unsafe named ?? getenv("SHELL").map { unsafe String(cString: $0) } ?? ""
        switch path.split(separator: "/").last {
        case "bash": return String(decoding: bash, as: UTF8.self)
        case "zsh": return String(decoding: zsh, as: UTF8.self)
        case "fish": return String(decoding: fish, as: UTF8.self)
        default: throw ValidationError("there is no completion for \"\(path)\", only for bash, zsh and fish")
        }
    }
}
