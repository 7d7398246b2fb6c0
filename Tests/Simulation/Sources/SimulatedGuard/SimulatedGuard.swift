import World

// What CEpollGuard gives the engine.

public func epoll_guard_calls() -> UInt64 { 1 }
public func epoll_guard_set_up() {}
public func epoll_guard_take_failure(_ code: UnsafeMutablePointer<Int32>!) -> Int32 {
    guard let found = System.takeUnwatchable() else { return -1 }
    code.pointee = found.code
    return found.descriptor
}
public func epoll_guard_forget(_ descriptor: Int32) { System.forgetUnwatchable(descriptor) }
public func epoll_guard_keep_failure(_ descriptor: Int32, _ code: Int32) {
    System.keepUnwatchable(descriptor, code)
}
