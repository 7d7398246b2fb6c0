import Glibc
import LineEditor
import Sockets

extension History {
    private static let defaultLimit = 1000
    private static let limits = 0...1_000_000

    /// The user's history: in the state directory (XDG Base Directory Specification), or in the file that
    /// `REVERSED_HISTORY` names; in memory only if that is empty. `mistake` reports an invalid `REVERSED_HISTSIZE`.
    static func ofUser() -> (history: History, mistake: String?) {
        var limit = defaultLimit
        var mistake: String?
        if let text = Environment.text("REVERSED_HISTSIZE"), !text.isEmpty {
            if text.utf8.allSatisfy({ 0x30...0x39 ~= $0 }), let number = Int(text), limits.contains(number) {
                limit = number
            } else {
                mistake =
                    "REVERSED_HISTSIZE: \"\(VisibleText.visible(ByteText.shown(text)))\" is no number of lines from "
                    + "\(limits.lowerBound) to \(limits.upperBound); the history keeps \(limit)"
            }
        }
        return (History(path: path.map(ByteText.bytes), limit: limit), mistake)
    }

    private static var path: String? {
        if let path = Environment.text("REVERSED_HISTORY") { return path.isEmpty ? nil : path }
        // The specification says to ignore a relative path.
        if let state = Environment.text("XDG_STATE_HOME"), state.hasPrefix("/") {
            return "\(state)/reverse-client/history"
        }
        guard let home = Environment.text("HOME"), home.hasPrefix("/") else { return nil }
        return "\(home)/.local/state/reverse-client/history"
    }
}
