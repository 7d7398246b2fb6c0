extension Duration {
    /// The length in whole milliseconds: 0 if negative, and at most `Int64.max`.
    ///
    /// - Parameter roundingUp: Whether to round up, so that a wait is never too short.
    public func wholeMilliseconds(roundingUp: Bool = false) -> Int64 {
        whole(perSecond: 1000, roundingUp: roundingUp)
    }

    /// The length in whole microseconds, rounded down: 0 if negative, and at most `Int64.max`.
    public var wholeMicroseconds: Int64 { whole(perSecond: 1_000_000, roundingUp: false) }

    /// The length in whole nanoseconds, rounded down: 0 if negative, and at most `Int64.max`.
    public var wholeNanoseconds: Int64 { whole(perSecond: 1_000_000_000, roundingUp: false) }

    private func whole(perSecond: Int64, roundingUp: Bool) -> Int64 {
        guard self > .zero else { return 0 }
        let (seconds, attoseconds) = components
        let unit = 1_000_000_000_000_000_000 / perSecond
        let part = (attoseconds + (roundingUp ? unit - 1 : 0)) / unit
        let (count, overflow) = seconds.multipliedReportingOverflow(by: perSecond)
        let (sum, carry) = count.addingReportingOverflow(part)
        return overflow || carry ? .max : sum
    }
}
