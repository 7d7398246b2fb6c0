import Glibc
import World

// The calls that the engine makes, each with the signature of the one that it shadows: what a module declares itself
// comes before what it imports. These files are part of the modules under test.

@discardableResult func recv(
    _ descriptor: Int32,
    _ space: UnsafeMutableRawPointer!,
    _ count: Int,
    _ flags: Int32
) -> Int {
    System.recv(descriptor, UnsafeMutableRawBufferPointer(start: space, count: count), flags)
}
@discardableResult func send(_ descriptor: Int32, _ bytes: UnsafeRawPointer!, _ count: Int, _ flags: Int32)
    -> Int
{
    System.send(descriptor, UnsafeRawBufferPointer(start: bytes, count: count), flags)
}
@discardableResult func shutdown(_ descriptor: Int32, _ how: Int32) -> Int32 {
    System.shutdown(descriptor, how)
}
@discardableResult func close(_ descriptor: Int32) -> Int32 { System.close(descriptor) }
@discardableResult func ioctl(_ descriptor: Int32, _ request: UInt, _ value: UnsafeMutableRawPointer) -> Int32
{
    System.ioctl(descriptor, request, value.assumingMemoryBound(to: Int32.self))
}
@discardableResult func setsockopt(
    _ descriptor: Int32,
    _ level: Int32,
    _ option: Int32,
    _ value: UnsafeRawPointer!,
    _ length: socklen_t
) -> Int32 {
    System.setOption(descriptor, level, option, value.loadUnaligned(as: Int32.self))
}
@discardableResult func getsockopt(
    _ descriptor: Int32,
    _ level: Int32,
    _ option: Int32,
    _ value: UnsafeMutableRawPointer!,
    _ length: UnsafeMutablePointer<socklen_t>!
) -> Int32 {
    guard let found = System.option(descriptor, level, option) else { return -1 }
    value.storeBytes(of: found, as: Int32.self)
    return 0
}
@discardableResult func socket(_ family: Int32, _ kind: Int32, _ protocolNumber: Int32) -> Int32 {
    System.socket(family)
}
@discardableResult func bind(_ descriptor: Int32, _ address: UnsafePointer<sockaddr>!, _ length: socklen_t)
    -> Int32
{
    System.bind(descriptor, Address(address, length))
}
@discardableResult func listen(_ descriptor: Int32, _ backlog: Int32) -> Int32 {
    System.listen(descriptor, backlog)
}
@discardableResult func connect(_ descriptor: Int32, _ address: UnsafePointer<sockaddr>!, _ length: socklen_t)
    -> Int32
{
    System.connect(descriptor, Address(address, length))
}
@discardableResult func getsockname(
    _ descriptor: Int32,
    _ address: UnsafeMutablePointer<sockaddr>!,
    _ length: UnsafeMutablePointer<socklen_t>!
) -> Int32 {
    guard let found = System.localAddress(descriptor) else { return -1 }
    found.write(UnsafeMutableRawPointer(address), length)
    return 0
}
@discardableResult func fcntl(_ descriptor: Int32, _ command: Int32) -> Int32 {
    System.control(descriptor, command)
}
@discardableResult func fcntl(_ descriptor: Int32, _ command: Int32, _ value: Int32) -> Int32 {
    System.control(descriptor, command)
}
@discardableResult func poll(_ entries: UnsafeMutablePointer<pollfd>!, _ count: nfds_t, _ timeout: Int32)
    -> Int32
{
    System.poll(UnsafeMutableBufferPointer(start: entries, count: Int(count)), timeout)
}
@discardableResult func read(_ descriptor: Int32, _ space: UnsafeMutableRawPointer!, _ count: Int) -> Int {
    System.read(descriptor, UnsafeMutableRawBufferPointer(start: space, count: count))
}
@discardableResult func clock_gettime(_ clock: clockid_t, _ time: UnsafeMutablePointer<timespec>) -> Int32 {
    let now = System.clock(clock)
    time.pointee = timespec(tv_sec: Int(now / 1_000_000_000), tv_nsec: Int(now % 1_000_000_000))
    return 0
}
@discardableResult func usleep(_ time: UInt32) -> Int32 {
    System.sleep(UInt64(time) * 1000)
    return 0
}
@discardableResult func open(_ path: UnsafePointer<CChar>, _ flags: Int32) -> Int32 {
    System.openPath(String(cString: path), isDirectory: flags & O_DIRECTORY != 0)
}
@discardableResult func flock(_ descriptor: Int32, _ operation: Int32) -> Int32 {
    System.control(descriptor, 0)
}
@discardableResult func lstat(_ path: UnsafePointer<CChar>, _ status: UnsafeMutablePointer<stat>) -> Int32 {
    guard let found = System.status(String(cString: path)) else { return -1 }
    status.pointee = stat()
    status.pointee.st_ino = ino_t(found.inode)
    status.pointee.st_dev = 1
    status.pointee.st_mode = (found.isSocket ? S_IFSOCK : S_IFREG) | found.mode
    return 0
}
@discardableResult func fstat(_ descriptor: Int32, _ status: UnsafeMutablePointer<stat>) -> Int32 {
    guard let found = System.size(descriptor) else { return -1 }
    status.pointee = stat()
    status.pointee.st_ino = ino_t(found.inode)
    status.pointee.st_size = off_t(found.size)
    return 0
}
@discardableResult func socketpair(
    _ family: Int32,
    _ kind: Int32,
    _ protocolNumber: Int32,
    _ ends: UnsafeMutablePointer<Int32>!
) -> Int32 {
    System.makePair(ends)
}
@discardableResult func unlink(_ path: UnsafePointer<CChar>) -> Int32 { System.unlink(String(cString: path)) }
@discardableResult func chmod(_ path: UnsafePointer<CChar>, _ mode: mode_t) -> Int32 {
    System.changeMode(String(cString: path), mode)
}
@discardableResult func fchmod(_ descriptor: Int32, _ mode: mode_t) -> Int32 { System.control(descriptor, 0) }
@discardableResult func getrlimit(_ resource: __rlimit_resource_t, _ limit: UnsafeMutablePointer<rlimit>)
    -> Int32
{
    let isFiles = resource == __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    limit.pointee = isFiles ? System.limit : rlimit(rlim_cur: .max, rlim_max: .max)
    return 0
}
@discardableResult func setrlimit(_ resource: __rlimit_resource_t, _ limit: UnsafePointer<rlimit>) -> Int32 {
    System.limit = limit.pointee
    return 0
}

/// Calls that the engine qualifies with the module, such as `Glibc.close`.
enum Glibc {
    @discardableResult static func send(
        _ descriptor: Int32,
        _ bytes: UnsafeRawPointer!,
        _ count: Int,
        _ flags: Int32
    ) -> Int {
        System.send(descriptor, UnsafeRawBufferPointer(start: bytes, count: count), flags)
    }
    @discardableResult static func close(_ descriptor: Int32) -> Int32 { System.close(descriptor) }
    @discardableResult static func listen(_ descriptor: Int32, _ backlog: Int32) -> Int32 {
        System.listen(descriptor, backlog)
    }
    @discardableResult static func connect(
        _ descriptor: Int32,
        _ address: UnsafePointer<sockaddr>!,
        _ length: socklen_t
    ) -> Int32 {
        System.connect(descriptor, Address(address, length))
    }
}
