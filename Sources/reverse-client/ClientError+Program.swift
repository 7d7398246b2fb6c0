import ReverseClient

/// Errors of the library in the words of the program, which knows its options and exit codes.
extension ClientError {
    /// The exit code (sysexits.h): 65 for input that cannot be sent, 69 for no connection, 74 for input or output, 75 for
    /// "try again later", 76 for a short or wrong answer, and 130 as a shell reports Ctrl-C.
    var exitCode: Int32 {
        switch reason {
        case .lineTooLong: 65
        case .cannotConnect: 69
        case .inputIsOutput, .cannotRead, .cannotWrite: 74
        case .timedOut, .nameServiceSilent: 75
        case .closedEarly: retriedFor == nil ? 76 : 75
        case .lineRefused, .wrongAnswer, .notReversed: 76
        case .interrupted: 130
        }
    }

    /// The error as one sentence that names the options that help.
    var message: String {
        switch reason {
        case .timedOut: sentence(remedy: "\(remedy) with --timeout")
        case .nameServiceSilent:
            sentence(
                remedy:
                    "check the network, give the server's address with -H, or allow more time with --timeout"
            )
        default: description
        }
    }
}
