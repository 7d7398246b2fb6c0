import CEpollGuard
import Dispatch
import Glibc

@main struct Reversed {
    static func main() {
        Probe.run()
    }
}
enum Probe {
    static func run() {
        let source = DispatchSource.makeReadSource(fileDescriptor: 0, queue: .global())
        source.setEventHandler { print("event", epoll_guard_calls()); exit(0) }
        source.activate()
        dispatchMain()
    }
}
