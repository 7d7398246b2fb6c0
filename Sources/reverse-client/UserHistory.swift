import Glibc
import LineEditor

extension History {
    private static let defaultLimit = 1000
    private static let limits = 0...1_000_000

    /// The user's history: in the state directory (XDG Base Directory Specification), or in the file that
    /// `REVERSED_HISTORY` names; in memory only if that is empty. `mistake` reports an invalid `REVERSED_HISTSIZE`.
    static func ofUser() -> (history: History, mistake: String?) {
        func variable(_ name: String) -> String? { unsafe getenv(name).map { unsafe String(cString: $0) } }
        var limit = defaultLimit
        var mistake: String?
        if let text = variable("REVERSED_HISTSIZE"), !text.isEmpty {
            if text.utf8.allSatisfy({ 0x30...0x39 ~= $0 }), let number = Int(text), limits.contains(number) {
                limit = number
            } else {
                mistake =
                    "REVERSED_HISTSIZE: \"\(VisibleText.visible(text))\" is no number of lines from "
                    + "\(limits.lowerBound) to \(limits.upperBound); the history keeps \(limit)"
            }
        }
        return (History(path: path(variable), limit: limit), mistake)
    }

    private static func path(_ variable: (String) -> String?) -> String? {
        if let path = variable("REVERSED_HISTORY") { return path.isEmpty ? nil : path }
        // The specification says to ignore a relative path.
        if let state = variable("XDG_STATE_HOME"), state.hasPrefix("/") {
            return "\(state)/reverse-client/history"
        }
        guard let home = variable("HOME"), home.hasPrefix("/") else { return nil }
        return "\(home)/.local/state/reverse-client/history"
    }
}
