import Settings

/// A settings file is refused with reasons, or read; the printed settings are read as the same settings.
func checkSettings(_ input: [UInt8]) {
    let text = String(decoding: input.prefix(4096), as: UTF8.self)
    do {
        let settings = try Settings.parse(text, path: "fuzz.toml")
        let printed = settings.toml
        do {
            require(
                try Settings.parse(printed, path: "printed.toml") == settings,
                "the printed settings are read differently: \(printed)"
            )
        } catch {
            fatalError("the printed settings are refused: \(error)\n\(printed)")
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
