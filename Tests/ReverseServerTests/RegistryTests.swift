import Synchronization
import Testing

@testable import ReverseServer

@Suite("The registry")
struct RegistryTests {
    @Test("gives as many places as there are, numbered from 1")
    func places() {
        let registry = House(usesHotSet: false, capacity: 2).registry
        #expect(registry.takePlace() == 1)
        #expect(registry.takePlace() == 2)
        #expect(registry.takePlace() == nil)
        registry.giveBackPlace()
        #expect(registry.takePlace() == 3)
        registry.setCapacity(3)
        #expect(registry.takePlace() == 4)
        registry.setCapacity(1)
        registry.giveBackPlace()
        #expect(registry.takePlace() == nil)
    }

    @Test("is empty at once when nobody is there")
    func emptyDrain() {
        let calls = Atomic(0)
        let registry = House(usesHotSet: false).registry
        registry.drain()
        registry.whenEmpty { calls.wrappingAdd(1, ordering: .relaxed) }
        #expect(calls.load(ordering: .relaxed) == 1)
    }

    @Test("is not empty while somebody is being accepted, and tells who comes late to stop")
    func drainWhileAccepting() throws {
        let house = House(usesHotSet: false)
        let calls = Atomic(0)
        #expect(house.registry.takePlace() != nil)
        house.registry.drain()
        house.registry.whenEmpty { calls.wrappingAdd(1, ordering: .relaxed) }
        #expect(calls.load(ordering: .relaxed) == 0)
        house.registry.giveBackPlace()
        #expect(calls.load(ordering: .relaxed) == 1)
        house.registry.giveBackPlaceOfNobody()
        #expect(calls.load(ordering: .relaxed) == 1)
    }

    @Test("is empty once the last connection is closed", arguments: [true, false])
    func drain(usesHotSet: Bool) throws {
        let house = House(usesHotSet: usesHotSet)
        let calls = Atomic(0)
        let (first, _) = try house.connect()
        let (second, _) = try house.connect()
        first.send("one\n")
        house.registry.drain()
        house.registry.whenEmpty { calls.wrappingAdd(1, ordering: .relaxed) }
        #expect(first.receiveToEnd() == "eno\n")
        #expect(second.receiveToEnd() == "")
        #expect(calls.load(ordering: .relaxed) == 0)
        first.halfClose()
        second.halfClose()
        #expect(eventually { calls.load(ordering: .relaxed) == 1 })
        #expect(house.registry.abortAll() == 0)
    }

    @Test("counts the conversations that it cuts off", arguments: [true, false])
    func abort(usesHotSet: Bool) throws {
        let house = House(usesHotSet: usesHotSet)
        let peers = try (0..<3).map { _ in try house.connect().0 }
        #expect(house.registry.abortAll() == 3)
        #expect(house.isEmptied())
        #expect(peers.allSatisfy { $0.isAtEnd })
    }
}

extension Registry {
    /// A place taken and given back, as by a listener that finds nobody.
    fileprivate func giveBackPlaceOfNobody() {
        if takePlace() != nil { giveBackPlace() }
    }
}
