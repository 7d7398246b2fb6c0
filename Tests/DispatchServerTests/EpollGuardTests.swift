import CEpollGuard
import CLinux
import Glibc
import Testing

@Suite("The epoll guard")
struct EpollGuardTests {
    @Test("does not end the process for a number that libdispatch once needed and that is closed")
    func closedDescriptor() async {
        // In a process of its own: if the guard takes the number for one that libdispatch needs, it ends the process.
        await #expect(processExitsWith: .success) {
            let epoll = epoll_create1(0)
            // Lower numbers are free when it is closed, so that no other thread of the process gets this one.
            let lower = (0..<100).map { _ in dup(epoll) }
            let number = eventfd(0, 0)
            for each in lower { close(each) }
            close(number)
            var event = epoll_event()
            #expect(epoll_ctl(epoll, EPOLL_CTL_ADD, number, &event) == -1)
            #expect(errno == EBADF)
            var error: Int32 = 0
            #expect(epoll_guard_take_failure(&error) == number)
            #expect(error == EBADF)
        }
    }
}
