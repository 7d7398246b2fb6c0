extension ConnectionState {
    /// What `Connection` must do. Each ready event leads to at most one `receive` and one `send`.
    enum Action: Equatable {
        /// Receive at most this many bytes, then call `received`, `reachedEndOfFile`, `wouldBlock` or `failed`.
        case receive(atMost: Int)
        /// Receive and discard at most this many bytes, then call `discarded`, `wouldBlock` or `failed`.
        case discard(atMost: Int)
        /// Send this many bytes from the front of those held, then call `sent` or `failed`.
        case send(Int)
        /// Check for the end of file (`MSG_PEEK`), then call `reachedEndOfFile` or `foundNoEndOfFile`.
        case checkForEndOfFile
        /// Drop all bytes held and send our FIN, then call `shutDown`.
        case shutDown
        /// Read nothing until memory is free, then call `ready` when there is input.
        case awaitMemory
        /// Do not watch the socket for this long, then call `ready` at its next event.
        case backOff(Milliseconds)
        /// Wait until the socket has input.
        case waitForInput
        /// Wait until the socket takes output.
        case waitForOutput
        /// Close the socket.
        case close(EndReason)
        /// Stop watching the socket, and keep it open.
        case park
        /// Do nothing: the connection already waits for an event.
        case nothing
    }
}
