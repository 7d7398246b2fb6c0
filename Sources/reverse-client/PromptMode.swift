import Glibc
import LineEditor
import ReverseClient
import Sockets

/// A person at a terminal: a prompt, a line, its answer.
struct PromptMode {
    static let prompt = "Enter a String: "
    static let answerPrefix = "Reversed string from server:"

    let endpoint: Endpoint
    let patience: Patience

    func run() throws {
        Interrupt.isNoted()
        let output = StandardOutput(endpoint: endpoint)
        let conversation = Conversation(
            with: endpoint,
            timeout: patience.timeoutValue,
            retry: RetryPolicy(patience: patience.retryFor ?? .zero),
            isInterrupted: { Interrupt.isPending }
        )
        try conversation.connect()
        let editor =
            Self.canEdit ? LineEditor(input: STDIN_FILENO, output: STDOUT_FILENO, history: .ofUser()) : nil
        defer { editor?.close() }
        let plain = PlainPrompt()
        let watch = LineEditor.Watch(descriptor: { conversation.descriptor }) {
            guard let reason = conversation.noticeEnd() else { return nil }
            let sentence =
                switch reason {
                case .wrongAnswer:
                    "\(endpoint) sent something that was not asked for: it is probably no reversed; "
                        + "the next line connects again"
                default: "\(endpoint) ended the connection; the next line connects again"
                }
            return Self.coloured("reverse-client: \(sentence)")
        }
        while true {
            _ = Interrupt.take()
            let outcome =
                try editor?.readLine(prompt: Self.prompt, watch: watch) ?? plain.readLine(Self.prompt, output)
            switch outcome {
            case .endOfInput, .line("exit"): return
            case .interrupted: continue
            case .line(let line):
                do {
                    let answer = try conversation.ask(Array(line.utf8))
                    try output.write(Array(Self.answerPrefix.utf8) + answer + [0x0A])
                } catch {
                    if case .cannotWrite = error.reason { throw error }
                    Message.write(Self.coloured("reverse-client: \(error)") + "\n")
                }
            }
        }
    }

    /// Escape sequences are understood.
    private static var canEdit: Bool {
        guard let kind = getenv("TERM").map({ String(cString: $0) }) else { return false }
        return !kind.isEmpty && kind != "dumb"
    }

    /// Red on a terminal, unless the person wants none (no-color.org).
    private static func coloured(_ text: String) -> String {
        let isUnwanted = getenv("NO_COLOR").map { $0.pointee != 0 } ?? false
        return isUnwanted || !canEdit || isatty(STDERR_FILENO) == 0 ? text : "\u{1B}[31m\(text)\u{1B}[0m"
    }
}

/// For a terminal that understands no escape sequences: the system edits the line.
struct PlainPrompt {
    func readLine(_ prompt: String, _ output: StandardOutput) throws(ClientError) -> LineEditor.Outcome {
        try output.write(prompt)
        var line: [UInt8] = []
        while true {
            if Interrupt.take() {
                try output.write("\n")
                return .interrupted
            }
            // A signal may come between the question and poll(2), hence never for long.
            var polls = [pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)]
            guard poll(&polls, 1, 300) > 0 else { continue }
            // Byte by byte: what follows the line stays with the terminal.
            var byte: UInt8 = 0
            guard read(STDIN_FILENO, &byte, 1) == 1 else {
                try output.write("\n")
                return line.isEmpty ? .endOfInput : .line(String(decoding: line, as: UTF8.self))
            }
            if byte == 0x0A { return .line(String(decoding: line, as: UTF8.self)) }
            line.append(byte)
        }
    }
}

extension History {
    /// In the state directory (XDG Base Directory Specification), or where `REVERSED_HISTORY` says; nowhere if that is
    /// empty.
    static func ofUser() -> History {
        func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
        let limit = variable("REVERSED_HISTSIZE").flatMap { Int($0) } ?? 1000
        if let path = variable("REVERSED_HISTORY") {
            return History(path: path.isEmpty ? nil : path, limit: limit)
        }
        // A relative path there is to be ignored, says the specification.
        if let state = variable("XDG_STATE_HOME"), state.hasPrefix("/") {
            return History(path: "\(state)/reverse-client/history", limit: limit)
        }
        guard let home = variable("HOME"), home.hasPrefix("/") else {
            return History(path: nil, limit: limit)
        }
        return History(path: "\(home)/.local/state/reverse-client/history", limit: limit)
    }
}
