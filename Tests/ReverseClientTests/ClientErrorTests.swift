import Sockets
import Testing

@testable import ReverseClient

@Suite("Errors of the client")
struct ClientErrorTests {
    private static let reasons: [ClientError.Reason] = [
        .cannotConnect(reason: "Connection refused", advice: "is the server running?"),
        .timedOut(.seconds(10)),
        .nameServiceSilent(.seconds(10)),
        .closedEarly(reason: ""),
        .lineRefused(line: 3, sent: 70_000),
        .wrongAnswer(.unasked(afterLine: 2)),
        .notReversed,
        .lineTooLong(line: 1, limit: 1 << 30),
        .interrupted,
        .inputIsOutput,
        .cannotRead(SystemError("read the lines", code: 5)),
        .cannotWrite(SystemError("write the answers", code: 5)),
    ]

    @Test("A library's message names no option of a program", arguments: reasons)
    func namesNoOption(reason: ClientError.Reason) {
        let text = ClientError(reason, endpoint: .internet(host: "localhost", port: 5000)).description
        #expect(!text.contains(" -"), "\(text)")
        #expect(!text.isEmpty && !text.hasSuffix("."))
    }

    @Test("A program can replace the remedy in the message")
    func replacesTheRemedy() {
        let error = ClientError(
            .timedOut(.seconds(10)),
            endpoint: .internet(host: "localhost", port: 5000),
            linesAnswered: 2,
            retriedFor: .seconds(5)
        )
        #expect(
            error.sentence(remedy: "use --timeout")
                == "localhost:5000 did not answer within 10s; use --timeout (tried again for 5s, 2 lines were answered)"
        )
        #expect(
            error.description
                == "localhost:5000 did not answer within 10s; \(error.remedy) (tried again for 5s, 2 lines were answered)"
        )
        #expect(
            error.sentence(remedy: "")
                == "localhost:5000 did not answer within 10s (tried again for 5s, 2 lines were answered)"
        )
    }
}
