import ArgumentParser
import Glibc

/// The completion scripts of a program: written by hand, as those that the argument parser makes do not work in zsh and
/// offer words that are none of ours.
public struct CompletionScripts: Sendable {
    let bash: [UInt8]
    let zsh: [UInt8]
    let fish: [UInt8]

    /// - Parameters: The scripts as bytes of UTF-8.
    public init(bash: [UInt8], zsh: [UInt8], fish: [UInt8]) {
        self.bash = bash
        self.zsh = zsh
        self.fish = fish
    }

    /// The script that `arguments` ask for, `--generate-completion-script [shell]`, without a name for `$SHELL`; nil
    /// when they ask for something else.
    ///
    /// - Throws: A `ValidationError` for a shell without a script.
    public func requested(by arguments: [String]) throws -> String? {
        let option = "--generate-completion-script"
        guard let first = arguments.first, first == option || first.hasPrefix(option + "=") else {
            return nil
        }
        let named = first == option ? arguments.dropFirst().first : String(first.dropFirst(option.count + 1))
        let path = named ?? getenv("SHELL").map { String(cString: $0) } ?? ""
        switch path.split(separator: "/").last {
        case "bash": return String(decoding: bash, as: UTF8.self)
        case "zsh": return String(decoding: zsh, as: UTF8.self)
        case "fish": return String(decoding: fish, as: UTF8.self)
        default: throw ValidationError("there is no completion for \"\(path)\", only for bash, zsh and fish")
        }
    }
}
