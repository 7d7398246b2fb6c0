import Glibc
import Testing

@testable import DispatchServer

@Suite("Processors")
struct ProcessorsTests {
    @Test(
        "of a quota, rounded up to whole ones",
        arguments: [
            ("max 100000\n", nil), ("100000 100000\n", 1), ("100001 100000\n", 2), ("50000 100000\n", 1),
            ("200000 100000", 2), ("1000 100000\n", 1), ("1600000 100000\n", 16),
            ("4294967295 1\n", 4_294_967_295),
            ("", nil), ("100000", nil), ("100000 0\n", nil), ("-1 100000\n", nil), ("1 2 3\n", nil),
            ("99999999999999999999 1\n", nil), ("0 100000\n", 1),
        ] as [(String, Int?)]
    )
    func quota(text: String, processors: Int?) {
        #expect(Processors.processors(inQuota: text) == processors)
    }

    @Test("are at least one, and no more than are online")
    func available() {
        let available = Processors.available()
        #expect(available >= 1 && available <= sysconf(Int32(_SC_NPROCESSORS_CONF)))
    }
}
