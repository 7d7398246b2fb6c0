import Glibc
import World

/// The command line: `--seeds A..B`, `--seed N`, `--trace`, `--seconds N`, `--counts`.
struct Arguments {
    var seeds: ClosedRange<UInt64> = 1...2000
    var traces = false
    var showsCounts = false
    var seconds: Double?
    var goesOn = false

    init(_ arguments: [String]) {
        var rest = arguments[...]
        while let option = rest.popFirst() {
            switch option {
            case "--trace": traces = true
            case "--counts": showsCounts = true
            case "--keep-going": goesOn = true
            case "--seed": if let seed = rest.popFirst().flatMap({ UInt64($0) }) { seeds = seed...seed }
            case "--seconds": seconds = rest.popFirst().flatMap { Double($0) }
            case "--seeds":
                let bounds = (rest.popFirst() ?? "").components("..").compactMap { UInt64($0) }
                guard bounds.count == 2, bounds[0] <= bounds[1] else { usage() }
                seeds = bounds[0]...bounds[1]
            default: usage()
            }
        }
    }

    private func usage() -> Never {
        print("usage: simulate [--seeds A..B | --seed N [--trace]] [--seconds S] [--counts] [--keep-going]")
        exit(64)
    }
}

extension String {
    fileprivate func components(_ separator: String) -> [String] {
        guard let range = range(of: separator) else { return [self] }
        return [String(self[..<range.lowerBound]), String(self[range.upperBound...])]
    }

    private func range(of text: String) -> Range<Index>? {
        indices.first { self[$0...].hasPrefix(text) }.map { $0..<index($0, offsetBy: text.count) }
    }
}

func realTime() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

// The order of a dictionary's elements is random, unless the process was started with this variable.
if getenv("SWIFT_DETERMINISTIC_HASHING") == nil {
    setenv("SWIFT_DETERMINISTIC_HASHING", "1", 1)
    execv("/proc/self/exe", CommandLine.unsafeArgv)
    perror("execv")
    exit(71)
}

setvbuf(stdout, nil, _IOLBF, 0)
let arguments = Arguments(Array(CommandLine.arguments.dropFirst()))
let begin = realTime()
var virtualTime = 0.0
var steps = 0
var runs = 0
var failures: [UInt64] = []
var counts: [String: Int] = [:]
for seed in arguments.seeds {
    if let seconds = arguments.seconds, realTime() - begin > seconds { break }
    let world = World(seed: seed, traces: arguments.traces)
    World.current = world
    let start = world.now
    let scenario = Scenario(world)
    let violation = scenario.run()
    virtualTime += Double(world.now - start) / 1e9
    steps += world.scheduler.steps
    runs += 1
    for (name, count) in world.counts { counts[name, default: 0] += count }
    if let violation {
        failures.append(seed)
        // What is left of it must not be released while another world is the current one.
        _ = Unmanaged.passRetained(world)
        _ = Unmanaged.passRetained(scenario)
        print("seed \(seed): \(violation)")
        print("  replay: Tests/Simulation/run --seed \(seed) --trace")
        if !arguments.goesOn { break }
    }
}
let time = realTime() - begin
print(
    "\(runs) seeds, \(failures.count) failed; \(Int(virtualTime)) s of virtual time in \(Int(time * 10).description.dropLast()).\(Int(time * 10) % 10) s, \(Int(virtualTime / time)) times as fast as real; \(steps) steps"
)
if arguments.showsCounts {
    for (name, count) in counts.sorted(by: { $0.key < $1.key }) { print("  \(name): \(count)") }
}
exit(failures.isEmpty ? 0 : 1)
