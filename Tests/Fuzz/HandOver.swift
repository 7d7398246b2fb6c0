@testable import DispatchServer

/// What a process before has handed over: no trap, and no connection that sends what it does not hold or holds what is not
/// there.
func checkHandOver(_ input: [UInt8]) {
    _ = try? HandOverMessage(Array(input.prefix(16)))
    if let name = StoredListenerName(String(decoding: input.prefix(80), as: UTF8.self)) {
        require(StoredListenerName(name.text) == name, "a name that is not read as it is written")
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
        require(record.held.upperBound <= UInt64(input.count), "it holds what is not there")
        require(record.life.isParked && !record.life.isClosed, "it does not go on")
        require(record.life.connectedAt <= 4000 && record.life.lastProgress <= 4000, "a time to come")
        if case .sending(let sending) = record.life.phase {
            require(
                sending.unsent > 0 && sending.unsent <= record.held.count,
                "it sends what it does not hold"
            )
        }
        guard let written = record.encoded else { fatalError("a record that cannot be written") }
        let again = try? ConnectionRecord(written[...], fileSize: UInt64(input.count), now: 4000)
        require(again == record, "a record that is not read as it is written")
    }
}
