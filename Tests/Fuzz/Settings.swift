import Settings

/// A file of settings is refused with reasons or read; what was read is printed and read again as the same.
func checkSettings(_ input: [UInt8]) {
    let text = String(decoding: input.prefix(4096), as: UTF8.self)
    do {
        let settings = try Settings.parse(text, path: "fuzz.toml")
        let printed = settings.toml
        do {
            require(
                try Settings.parse(printed, path: "printed.toml") == settings,
                "printed as another: \(printed)"
            )
        } catch {
            fatalError("what is printed is refused: \(error)\n\(printed)")
        }
    } catch {
        require(!error.mistakes.isEmpty, "refused without a reason")
        for mistake in error.mistakes {
            let isOneLine = mistake.description.unicodeScalars.allSatisfy {
                $0.value >= 0x20 && $0.value != 0x7F
            }
            require(isOneLine, "a control character in a message: \(mistake)")
        }
    }
}
