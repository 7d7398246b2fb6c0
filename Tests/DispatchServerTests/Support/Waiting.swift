import Dispatch
import Synchronization
import Testing

@testable import DispatchServer

/// Calls a method, waits for its completion, and returns the result.
func awaitResult<Result: Sendable>(_ method: (@escaping @Sendable (Result) -> Void) -> Void) throws -> Result
{
    let isOver = DispatchSemaphore(value: 0)
    let result = Mutex<Result?>(nil)
    method { value in
        result.withLock { $0 = value }
        isOver.signal()
    }
    try #require(isOver.wait(timeout: .now() + 20) == .success)
    return try #require(result.withLock { $0 })
}

/// Calls a method, waits for its completion, and throws the error that this gets.
func awaitCompletion(_ method: (@escaping @Sendable ((any Error)?) -> Void) -> Void) throws {
    let result: Swift.Result<Void, any Error> = try awaitResult { done in
        method { error in done(error.map { .failure($0) } ?? .success(())) }
    }
    try result.get()
}
