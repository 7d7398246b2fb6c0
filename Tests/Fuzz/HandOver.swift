@testable import DispatchServer

/// What another process has handed over: no trap, and no connection with more bytes than the file has, or with more to send than
/// it has bytes.
func checkHandOver(_ input: [UInt8]) {
    _ = try? HandOverMessage(Array(input.prefix(16)))
    if let name = StoredListenerName(String(decoding: input.prefix(80), as: UTF8.self)) {
        require(StoredListenerName(name.text) == name, "a written name is read differently")
    }
    let head = input.prefix(HandOverImage.headSize)
    guard let (promised, count) = try? HandOverImage.recordBytes(head: head) else { return }
    let image = HandOverImage(
        promised: promised,
        records: Array(input.dropFirst(HandOverImage.headSize).prefix(count))
    )
    _ = image.server
    for index in 0..<min(promised, 10) {
        guard let record = try? image.connection(at: index, fileSize: UInt64(input.count), now: 4000) else {
            continue
        }
        require(record.held.upperBound <= UInt64(input.count), "a connection has more bytes than the file")
        require(record.life.isParked && !record.life.isClosed, "a connection is closed or not parked")
        require(
            record.life.connectedAt <= 4000 && record.life.lastProgress <= 4000,
            "a time is in the future"
        )
        if case .sending(let sending) = record.life.phase {
            require(
                sending.unsent > 0 && sending.unsent <= record.held.count,
                "a connection has more to send than it has bytes"
            )
        }
        guard let written = record.encoded else { fatalError("a record cannot be written") }
        let again = try? ConnectionRecord(written[...], fileSize: UInt64(input.count), now: 4000)
        require(again == record, "a written record is read differently")
    }
}
