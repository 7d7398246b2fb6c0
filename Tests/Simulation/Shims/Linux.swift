import CLinux
import Glibc
import World

// The functions that the engine uses from CLinux. Types and constants are those of the real module.

@discardableResult func linux_accept(
    _ listener: Int32,
    _ address: UnsafeMutablePointer<sockaddr_storage>!,
    _ length: UnsafeMutablePointer<socklen_t>!
) -> Int32 {
    System.accept(listener, address, length)
}
@discardableResult func linux_ignore_newcomers(_ listener: Int32) -> Int32 {
    System.ignoreNewcomers(listener)
}
func linux_ignores_newcomers(_ listener: Int32) -> Bool { System.ignoresNewcomers(listener) }
@discardableResult func linux_send_descriptors(
    _ socket: Int32,
    _ bytes: UnsafeRawPointer!,
    _ length: Int,
    _ descriptors: UnsafePointer<Int32>!,
    _ count: Int32
) -> Int {
    System.send(
        socket,
        Array(UnsafeRawBufferPointer(start: bytes, count: length)),
        passing: Array(UnsafeBufferPointer(start: descriptors, count: Int(count)))
    )
}
@discardableResult func linux_receive_descriptors(
    _ socket: Int32,
    _ bytes: UnsafeMutableRawPointer!,
    _ length: Int,
    _ descriptors: UnsafeMutablePointer<Int32>!,
    _ count: UnsafeMutablePointer<Int32>!,
    _ truncated: UnsafeMutablePointer<Bool>!
) -> Int {
    let most = Int(count.pointee)
    count.pointee = 0
    let space = UnsafeMutableRawBufferPointer(start: bytes, count: length)
    guard
        let found = System.receive(
            socket,
            space,
            UnsafeMutableBufferPointer(start: descriptors, count: most)
        )
    else { return -1 }
    count.pointee = Int32(found.descriptors)
    truncated.pointee = found.isTruncated
    return found.bytes
}
@discardableResult func linux_memory_file(_ name: UnsafePointer<CChar>!) -> Int32 { System.makeMemoryFile() }
@discardableResult func linux_seal(_ file: Int32) -> Int32 { System.seal(file) }
func linux_is_sealed(_ file: Int32) -> Bool { System.isSealed(file) }
func linux_write_all(_ file: Int32, _ bytes: UnsafeRawPointer!, _ length: Int) -> Bool {
    System.write(file, UnsafeRawBufferPointer(start: bytes, count: length))
}
func linux_read_all(_ file: Int32, _ bytes: UnsafeMutableRawPointer!, _ length: Int, _ offset: off_t) -> Int {
    System.read(file, UnsafeMutableRawBufferPointer(start: bytes, count: length), at: Int(offset))
}
@discardableResult func linux_epoll_create() -> Int32 { System.makeEpoll() }
@discardableResult func linux_timerfd_create() -> Int32 { System.makeTimer() }
@discardableResult func linux_ready_descriptor() -> Int32 { System.makeReady() }
@discardableResult func linux_epoll_ctl(
    _ epoll: Int32,
    _ operation: Int32,
    _ descriptor: Int32,
    _ event: UnsafeMutablePointer<epoll_event>!
) -> Int32 {
    System.epollControl(epoll, operation, descriptor, event)
}
@discardableResult func linux_try_threads(_ count: Int32) -> Int32 { 0 }
func linux_return_free_memory() {}
func linux_keep_little_free_memory() {}
@discardableResult func linux_processor_count() -> Int32 { Int32(System.processors) }
@discardableResult func epoll_pwait(
    _ epoll: Int32,
    _ events: UnsafeMutablePointer<epoll_event>!,
    _ most: Int32,
    _ timeout: Int32,
    _ mask: UnsafePointer<sigset_t>!
) -> Int32 {
    System.epollWait(epoll, events, most, timeout)
}
@discardableResult func timerfd_settime(
    _ timer: Int32,
    _ flags: Int32,
    _ setting: UnsafePointer<itimerspec>!,
    _ old: UnsafeMutablePointer<itimerspec>!
) -> Int32 {
    System.setTimer(timer, setting.pointee)
}
