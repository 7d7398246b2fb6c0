import Glibc

/// One connection and its position in the script: which lines it may send, and which are sent and answered.
struct Conversation {
    let socket: Int32

    /// Lines that may be sent, since the beginning.
    private(set) var allowed = 0
    /// Lines answered, since the beginning.
    private(set) var answered = 0
    /// How many bytes may be sent and have not been sent.
    private(set) var unsent = 0

    private var nextAllowedLine = 0  // in the ring
    private var sendOffset = 0  // in the ring
    private var receiveOffset = 0  // in the ring
    private var nextAnsweredLine = 0  // in the ring

    init(socket: Int32, firstLine: Int, script: Script) {
        self.socket = socket
        let line = firstLine % script.lines
        nextAllowedLine = line
        nextAnsweredLine = line
        sendOffset = line == 0 ? 0 : script.ends[line - 1]
        receiveOffset = sendOffset
    }

    /// Allows `lines` more to be sent.
    mutating func allow(_ lines: Int, script: Script) {
        for _ in 0..<lines {
            let start = nextAllowedLine == 0 ? 0 : script.ends[nextAllowedLine - 1]
            unsent += script.ends[nextAllowedLine] - start
            nextAllowedLine = nextAllowedLine + 1 == script.lines ? 0 : nextAllowedLine + 1
        }
        allowed += lines
    }

    /// Sends as much as the socket takes.
    mutating func flush(script: Script) throws(Failure) {
        while unsent > 0 {
            let piece = min(unsent, 2 * script.bytes - sendOffset)
            let sent = send(socket, script.requests + sendOffset, piece, Int32(MSG_DONTWAIT | MSG_NOSIGNAL))
            if sent < 0 {
                if errno == EAGAIN { return }
                if errno == EINTR { continue }
                throw Failure("send", errno)
            }
            unsent -= sent
            sendOffset = (sendOffset + sent) % script.bytes
        }
    }

    /// Reads once and checks every byte.
    ///
    /// - Returns: How many answers were completed.
    mutating func receive(into buffer: UnsafeMutableRawBufferPointer, script: Script) throws(Failure) -> Int {
        let count = recv(socket, buffer.baseAddress, buffer.count, Int32(MSG_DONTWAIT))
        if count < 0 {
            if errno == EAGAIN || errno == EINTR { return 0 }
            throw Failure("recv", errno)
        }
        guard count > 0 else {
            throw Failure("the server closed a connection after \(answered) of \(allowed) answers")
        }
        return try check(UnsafeRawBufferPointer(rebasing: buffer[..<count]), script: script)
    }

    private mutating func check(_ bytes: UnsafeRawBufferPointer, script: Script) throws(Failure) -> Int {
        let before = answered
        var rest = bytes
        while let base = rest.baseAddress, !rest.isEmpty {
            let piece = min(rest.count, script.bytes - receiveOffset)
            guard memcmp(base, script.answers + receiveOffset, piece) == 0 else {
                throw Failure("wrong answer to line \(answered): \(excerpt(rest)), not \(expected(script))")
            }
            receiveOffset += piece
            while nextAnsweredLine < script.lines, script.ends[nextAnsweredLine] <= receiveOffset {
                nextAnsweredLine += 1
                answered += 1
            }
            if receiveOffset == script.bytes {
                receiveOffset = 0
                nextAnsweredLine = 0
            }
            rest = UnsafeRawBufferPointer(rebasing: rest[piece...])
        }
        guard answered <= allowed else { throw Failure("more answers than lines: \(answered) to \(allowed)") }
        return answered - before
    }

    private func excerpt(_ bytes: UnsafeRawBufferPointer) -> String {
        String(decoding: bytes.prefix(80), as: UTF8.self).debugDescription
    }

    private func expected(_ script: Script) -> String {
        excerpt(UnsafeRawBufferPointer(start: script.answers + receiveOffset, count: script.bytes))
    }
}

/// Why a run has no result.
struct Failure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }

    init(_ call: String, _ code: Int32) {
        description = "\(call): \(String(cString: strerror(code)))"
    }
}
