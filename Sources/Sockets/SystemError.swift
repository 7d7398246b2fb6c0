import CLinux
import Glibc

/// A failed system call: the action, its object, and the `errno` (errno(3)).
public struct SystemError: Error, Equatable, Sendable {
    /// The action and its object, as the end of "cannot …": `listen on 127.0.0.1:80`.
    public var action: String
    /// The `errno` of the failed call.
    public var code: Int32
    /// What the reader can do about it; empty if there is no advice.
    public var advice: String

    /// Makes an error. The default code is the calling thread's `errno`, so make it right after the failed call.
    public init(_ action: String, code: Int32 = errno, advice: String = "") {
        self.action = action
        self.code = code
        self.advice = advice
    }

    /// The system's text for the code, such as `Permission denied` (strerror(3)).
    public var reason: String { Self.reason(code) }

    /// The system's text for an `errno`.
    public static func reason(_ code: Int32) -> String {
        guard let text = unsafe linux_error_text(code) else { return "error \(code)" }
        return unsafe String(cString: text)
    }
}

extension SystemError: CustomStringConvertible {
    /// One sentence: `cannot listen on 127.0.0.1:80: Permission denied; …`.
    public var description: String {
        "cannot \(action): \(reason)" + (advice.isEmpty ? "" : "; \(advice)")
    }
}

/// Repeats `body` while a signal interrupts it (signal(7)).
@inline(__always)
func retryingInterrupts(_ body: () -> Int) -> Int {
    while true {
        let result = body()
        if result >= 0 || errno != EINTR { return result }
    }
}
