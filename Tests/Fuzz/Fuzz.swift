// The fuzzers: each passes bytes from libFuzzer to one reader of outside data, and checks what must hold for any bytes.
// `scripts/fuzz` builds and runs them. A new one needs an entry below and a folder in corpus/ with some inputs.

import Glibc

/// One reader of outside data.
struct Subject: Sendable {
    let name: String
    /// Ends the process if a condition does not hold.
    let check: @Sendable ([UInt8]) -> Void
}

private let subjects = [
    Subject(name: "session", check: checkSession),
    Subject(name: "reversal", check: checkReversal),
    Subject(name: "settings", check: checkSettings),
    Subject(name: "answers", check: checkAnswers),
    Subject(name: "keys", check: checkKeys),
    Subject(name: "journal", check: checkJournal),
    Subject(name: "activation", check: checkActivation),
    Subject(name: "arguments", check: checkArguments),
    Subject(name: "proxy", check: checkProxyHeader),
    Subject(name: "network", check: checkNetwork),
    Subject(name: "hand-over", check: checkHandOver),
    Subject(name: "http", check: checkHTTP),
]

/// The one that the variable FUZZ_SUBJECT names; libFuzzer's `main` has its own arguments.
private let subject: Subject = {
    let name = getenv("FUZZ_SUBJECT").map { String(cString: $0) }
    guard let subject = subjects.first(where: { $0.name == name }) else {
        print("FUZZ_SUBJECT must be one of:", subjects.map(\.name).joined(separator: " "))
        exit(64)
    }
    return subject
}()

/// Called by libFuzzer for each input (https://llvm.org/docs/LibFuzzer.html).
@_cdecl("LLVMFuzzerTestOneInput")
public func checkInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    subject.check(Array(UnsafeBufferPointer(start: bytes, count: count)))
    return 0
}

/// Ends the process, so that libFuzzer keeps the input.
func require(_ holds: Bool, _ message: @autoclosure () -> String) {
    guard !holds else { return }
    print(message())
    fflush(nil)
    abort()
}

/// Reads numbers and pieces from the fuzzer's bytes, in order.
struct Script {
    private(set) var rest: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) { rest = bytes[...] }

    var isAtEnd: Bool { rest.isEmpty }

    /// A number in 0..<`bound`; 0 at the end.
    mutating func number(below bound: Int) -> Int { Int(rest.popFirst() ?? 0) % bound }

    mutating func piece(_ count: Int) -> [UInt8] {
        defer { rest = rest.dropFirst(count) }
        return Array(rest.prefix(count))
    }
}
