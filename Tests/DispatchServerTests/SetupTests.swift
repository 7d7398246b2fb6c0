import Dispatch
import Glibc
import Synchronization
import Testing

@testable import DispatchServer

@Suite("The resources that a process needs")
struct SetupTests {
    @Test("is there: events, delivered through the guard")
    func works() throws {
        try SetupCheck.run(on: DispatchQueue(label: "test", attributes: .concurrent))
    }

    @Test("is missing if it is not linked in, and the error says so")
    func unguarded() {
        let error = #expect(throws: SetupError.self) {
            try SetupCheck.run(on: DispatchQueue(label: "test"), guardCalls: { 0 })
        }
        #expect(error?.description.contains("CEpollGuard is not linked into this program") == true)
    }

    @Test("blocks the signals that are handled, so that nothing else gets them, and watches them")
    func signals() throws {
        let blocked = Mutex<[Int32]>([])
        onThreads(1) { _ in
            var set = sigset_t()
            sigemptyset(&set)
            pthread_sigmask(SIG_SETMASK, &set, nil)
            SignalHandlers.block([SIGUSR2, SIGWINCH])
            pthread_sigmask(SIG_BLOCK, nil, &set)
            blocked.withLock { $0 = (1...31).filter { sigismember(&set, $0) == 1 } }
        }
        #expect(blocked.withLock { $0 } == [SIGUSR2, SIGWINCH])
        let handlers = try SignalHandlers(on: DispatchQueue(label: "test"), [SIGUSR2: {}])
        withExtendedLifetime(handlers) {}
    }
}
