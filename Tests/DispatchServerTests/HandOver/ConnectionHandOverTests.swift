import Testing

@testable import DispatchServer

@Suite("The life of a connection that is handed over")
struct ConnectionHandOverTests {
    private static let limits = Limits()

    private static func answers(_ count: Int, requests: Int = 1) -> SessionStep {
        SessionStep(consumed: count, requests: requests)
    }

    @Test("A silent connection is parked at once, and continues")
    func silent() {
        var life = ConnectionState(connectedAt: 0)
        #expect(life.handOver(arrived: 0) == .park)
        #expect(life.isParked)
        #expect(life.ready() == .nothing)
        #expect(life.tick(Timeouts(Self.limits), untaken: { 0 }, now: 1 << 40) == .nothing)
        #expect(life.drain(arrived: 5, now: 1) == nil)
        #expect(life.handOver(arrived: 5) == .nothing)
        #expect(life.resume() == .waitForInput)
        #expect(life.ready() == .receive(atMost: .max))
    }

    @Test("Bytes that have arrived are answered first, later ones are not read")
    func answersWhatHasArrived() {
        var life = ConnectionState(connectedAt: 0)
        #expect(life.handOver(arrived: 30) == .receive(atMost: 30))
        #expect(life.isAnsweringForHandOver)
        #expect(life.received(20, Self.answers(20), answer: 20, now: 1) == .send(20))
        #expect(life.sent(20, now: 1) == .waitForInput)
        #expect(life.ready() == .receive(atMost: 10))
        #expect(life.received(10, Self.answers(5), answer: 5, now: 1) == .send(5))
        #expect(life.sent(5, now: 1) == .park)
        #expect(life.phase == .serving(remaining: nil))
        #expect(life.requests == 2)
    }

    @Test("An incomplete request is parked as it is")
    func incomplete() {
        var life = ConnectionState(connectedAt: 0)
        #expect(life.handOver(arrived: 5) == .receive(atMost: 5))
        #expect(life.received(5, Self.answers(0, requests: 0), answer: 0, now: 1) == .park)
    }

    @Test("Output that the socket does not take goes along")
    func blocked() {
        var life = ConnectionState(connectedAt: 0)
        _ = life.received(9, Self.answers(9), answer: 9, now: 1)
        #expect(life.sent(4, now: 1) == .waitForOutput)
        // Again: the socket may take it now.
        #expect(life.handOver(arrived: 7) == .send(5))
        #expect(life.sent(0, now: 2) == .park)
        #expect(life.phase == .sending(.init(unsent: 5, next: .serve(remaining: nil))))
        #expect(life.resume() == .waitForOutput)
        #expect(life.ready() == .send(5))
        #expect(life.sent(5, now: 3) == .waitForInput)
    }

    @Test("Output that the socket takes again is sent, and requests that have arrived after it are answered")
    func unblocked() {
        var life = ConnectionState(connectedAt: 0)
        _ = life.received(9, Self.answers(9), answer: 9, now: 1)
        _ = life.sent(4, now: 1)
        #expect(life.handOver(arrived: 7) == .send(5))
        #expect(life.sent(5, now: 2) == .waitForInput)
        #expect(life.ready() == .receive(atMost: 7))
        #expect(life.received(7, Self.answers(7), answer: 7, now: 2) == .send(7))
        #expect(life.sent(3, now: 2) == .park)
        #expect(life.phase == .sending(.init(unsent: 4, next: .serve(remaining: nil))))
    }

    @Test("A connection that has begun to end is handed over with its reason")
    func ending() {
        var life = ConnectionState(connectedAt: 0)
        let step = SessionStep(consumed: 9, requests: 1, ending: .refused("no"))
        _ = life.received(12, step, answer: 9, now: 1)
        _ = life.sent(4, now: 1)
        #expect(life.handOver(arrived: 0) == .park)
        #expect(life.phase == .sending(.init(unsent: 5, next: .finish(.refused("no")))))
        #expect(life.resume() == .waitForOutput)
        #expect(life.ready() == .send(5))
        #expect(life.sent(5, now: 1) == .shutDown)
        #expect(life.shutDown(true) == .waitForInput)
        #expect(life.handOver(arrived: 3) == .park)
        #expect(life.resume() == .waitForInput)
        #expect(life.discarded(0) == .close(.refused("no")))
    }

    @Test("A connection that ends after the received bytes lingers in the next process")
    func endsMeanwhile() {
        var life = ConnectionState(connectedAt: 0)
        _ = life.handOver(arrived: 9)
        let step = SessionStep(consumed: 9, requests: 1, ending: .finished)
        #expect(life.received(9, step, answer: 9, now: 1) == .send(9))
        #expect(life.sent(9, now: 1) == .shutDown)
        #expect(life.shutDown(true) == .park)
    }

    @Test("Bytes that are not there after all end the wait for them")
    func nothingThere() {
        var life = ConnectionState(connectedAt: 0)
        _ = life.handOver(arrived: 9)
        #expect(life.wouldBlock() == .park)
    }

    @Test("A client that is lost meanwhile is closed")
    func lost() {
        var life = ConnectionState(connectedAt: 0)
        _ = life.handOver(arrived: 9)
        #expect(life.failed(104) == .close(.lost(104)))
        #expect(!life.isAnsweringForHandOver)
        #expect(life.handOver(arrived: 0) == .nothing)
        #expect(life.resume() == .nothing)
    }

    @Test("A closed one is not asked what has arrived: the descriptor may be another one's by now")
    func closedIsNotAsked() {
        var life = ConnectionState(connectedAt: 0)
        _ = life.failed(104)
        var questions = 0
        func arrived() -> Int {
            questions += 1
            return 0
        }
        #expect(life.handOver(arrived: arrived()) == .nothing)
        #expect(questions == 0)
    }

    @Test("A parked connection that no process takes drains like any other")
    func nobodyTakesIt() {
        var life = ConnectionState(connectedAt: 0)
        _ = life.received(4, Self.answers(4), answer: 4, now: 0)
        _ = life.sent(4, now: 0)
        _ = life.handOver(arrived: 0)
        _ = life.resume()
        #expect(life.drain(arrived: 3, now: 1) == .nothing)
        #expect(life.ready() == .receive(atMost: 3))
    }

    @Test("One that cannot be taken over gets its FIN")
    func refused() {
        var life = ConnectionState(
            handedOver: .serving(remaining: nil),
            connectedAt: 0,
            lastProgress: 0,
            requests: 0,
            answeredBytes: 0
        )
        #expect(life.refuseTakeOver(now: 5) == .shutDown)
        #expect(life.shutDown(true) == .waitForInput)
        #expect(life.discarded(0) == .close(.notTakenOver))
    }

    @Test("A listener that is held accepts again, or leaves")
    func listener() {
        var life = ListenerState()
        #expect(life.start() == [.watch])
        #expect(life.hold() == [.unwatch])
        #expect(life.ready() == [])
        #expect(life.release() == [.watch])
        #expect(life.hold() == [.unwatch])
        #expect(life.leave(arrivedBy: 5) == [.watch, .accept])
        #expect(life.ready() == [.accept])
        var waiting = ListenerState()
        _ = waiting.start()
        _ = waiting.foundNoSlot(now: 0)
        #expect(waiting.hold() == [])
        #expect(waiting.slotIsFree(now: 1) == [])
        #expect(waiting.release() == [.watch])
    }
}
