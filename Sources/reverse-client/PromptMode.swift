import Glibc
import LineEditor
import ReverseClient
import Sockets

/// The prompt at a terminal: reads a line, prints its answer.
struct PromptMode {
    static let prompt = "Enter a String: "
    static let answerPrefix = "Reversed string from server:"
    private static let hint = "Type \"exit\" or press Ctrl-D to leave."

    let endpoint: Endpoint
    let waiting: WaitingOptions
    /// Whether the terminal gets control characters of the answers unchanged.
    let isRaw: Bool

    func run() throws {
        Interrupt.install()
        let output = StandardOutput(endpoint: endpoint)
        let (history, mistake) = History.ofUser()
        let editor =
            Self.canEdit ? LineEditor(input: STDIN_FILENO, output: STDOUT_FILENO, history: history) : nil
        defer { editor?.close() }
        let conversation = Conversation(
            with: endpoint,
            timeout: waiting.timeoutValue,
            retry: RetryPolicy(timeLimit: waiting.retryFor ?? .zero),
            isInterrupted: { Interrupt.isPending || editor?.noticeInterrupt() == true }
        )
        try conversation.connect()
        try output.write("Connected to \(VisibleText.visible(endpoint.description)). \(Self.hint)\n")
        if let mistake, editor != nil { report(mistake) }
        try converse(conversation, editor, output)
    }

    private func converse(_ conversation: Conversation, _ editor: LineEditor?, _ output: StandardOutput)
        throws
    {
        let plain = PlainPrompt()
        let watch = LineEditor.Watch(descriptor: { conversation.descriptor }) {
            guard let reason = conversation.noticeEnd() else { return nil }
            let sentence =
                switch reason {
                case .wrongAnswer:
                    "\(endpoint) sent something that was not asked for: it is probably not a reversed server; "
                        + "the next line connects again"
                default: "\(endpoint) ended the connection; the next line connects again"
                }
            return Self.coloured("reverse-client: \(sentence)")
        }
        var isFirst = true
        while true {
            if let problem = editor?.takeHistoryProblem() { report(problem) }
            _ = Interrupt.take()
            let outcome =
                try editor?.readLine(prompt: Self.prompt, watch: watch) ?? plain.readLine(Self.prompt, output)
            switch outcome {
            case .endOfInput, .line("exit", isTyped: true): return
            case .failed(let code):
                throw ClientError(
                    .cannotRead(SystemError("read the terminal", code: code)),
                    endpoint: endpoint
                )
            case .interrupted(let hadText): if !hadText { try output.write("\(Self.hint)\n") }
            case .line(let line, _):
                do {
                    let answer = try conversation.ask(Array(line.utf8))
                    try output.write(Array(Self.answerPrefix.utf8) + shown(answer) + [0x0A])
                } catch {
                    if case .cannotWrite = error.reason { throw error }
                    if error.reason == .interrupted { editor?.discardInput() }
                    report(error.message)
                }
                if isFirst && line.isEmpty { try output.write("\(Self.hint)\n") }
                isFirst = false
            }
        }
    }

    private func shown(_ answer: [UInt8]) -> [UInt8] {
        if isRaw { return answer }
        var filter = VisibleText()
        return filter.visible(answer)
    }

    private func report(_ sentence: String) {
        Message.write(Self.coloured("reverse-client: \(sentence)") + "\n")
    }

    /// Whether the terminal understands escape sequences.
    private static var canEdit: Bool {
        guard let kind = Environment.text("TERM") else { return false }
        return !kind.isEmpty && kind != "dumb"
    }

    /// The text in red on a terminal, unless NO_COLOR is set (no-color.org).
    private static func coloured(_ text: String) -> String {
        let text = VisibleText.visible(text)
        let isUnwanted = unsafe getenv("NO_COLOR").map { unsafe $0.pointee != 0 } ?? false
        return isUnwanted || !canEdit || isatty(STDERR_FILENO) == 0 ? text : "\u{1B}[31m\(text)\u{1B}[0m"
    }
}
