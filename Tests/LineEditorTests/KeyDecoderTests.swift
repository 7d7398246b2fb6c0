import Testing

@testable import LineEditor

@Suite struct KeyDecoderTests {
    /// The keys of `bytes`, which must be the same whether the bytes arrive at once or one by one.
    private func keys(_ bytes: [UInt8]) -> [Key] {
        var whole = KeyDecoder()
        let once = whole.decode(bytes)
        var slow = KeyDecoder()
        var joined: [Key] = []
        for key in bytes.flatMap({ slow.decode([$0]) }) {
            if case .text(let more) = key, case .text(let text)? = joined.last {
                joined[joined.count - 1] = .text(text + more)
            } else {
                joined.append(key)
            }
        }
        #expect(joined == once)
        return once
    }

    private func keys(_ text: String) -> [Key] { keys(Array(text.utf8)) }

    @Test func textOfEveryLengthOfCharacter() {
        #expect(keys("aé漢👨‍👩‍👧") == [.text("aé漢👨‍👩‍👧")])
    }

    /// Ctrl-V puts two ill-formed sequences next to each other: each is repaired separately, wherever the input is divided.
    @Test func illFormedText() {
        #expect(keys([0xE1, 0x16, 0xA0]) == [.text("\u{FFFD}\u{FFFD}")])
    }

    @Test(arguments: [
        ("\u{1B}[A", Key.up), ("\u{1B}OB", .down), ("\u{1B}[C", .right), ("\u{1B}[D", .left),
        ("\u{1B}[H", .home), ("\u{1B}[4~", .end), ("\u{1B}[3~", .delete), ("\u{1B}[1;5C", .wordRight),
        ("\u{1B}[1;5D", .wordLeft), ("\u{1B}b", .wordLeft), ("\u{1B}f", .wordRight), ("\u{7F}", .backspace),
        ("\u{3}", .interrupt), ("\u{4}", .endOfInput), ("\r", .enter), ("\n", .enter),
        ("\u{1B}[99~", .unknown),
        ("\u{1B}[15;2~", .unknown), ("\t", .text("\t")), ("\u{1B}OM", .enter), ("\u{1B}\r", .enter),
        ("\u{1B}[3$", .delete), ("\u{1B}[7$", .home), ("\u{1B}[3^", .deleteWordForward),
        ("\u{1B}\u{1B}[A", .up),
        ("\u{1B}\u{1B}[D", .wordLeft), ("\u{1B}Oc", .wordRight), ("\u{1B}[3;5~", .deleteWordForward),
        ("\u{1B}d", .deleteWordForward), ("\u{1B}\u{7F}", .deleteWord), ("\u{14}", .transpose),
        ("\u{1F}", .undo),
        ("\u{18}\u{15}", .undo), ("\u{12}", .searchBackward), ("\u{7}", .cancel), ("\u{9B}A", .up),
        ("\u{8F}B", .down), ("\u{1B}[12;40R", .cursorReport(row: 12, column: 40)),
    ])
    func keysOfTheKeyboard(bytes: String, key: Key) {
        #expect(keys(bytes) == [key])
        #expect(keys("x" + bytes + "y").contains { $0 != .text("x") && $0 != .text("y") })
    }

    @Test func aPasteIsTextAndItsLineEndsAreEnter() {
        #expect(
            keys("\u{1B}[200~one\r\ntwo\nthree\u{1B}[A\u{3}\u{1B}[201~\u{3}") == [
                .text("one"), .pastedEnter, .text("two"), .pastedEnter, .text("three\u{1B}[A\u{3}"),
                .interrupt,
            ]
        )
    }

    @Test func whatOnlyLooksLikeTheEndOfAPasteIsText() {
        let text = "\u{1B}\u{1B}[20\u{1B}[201\u{1B}[200~é"
        #expect(keys("\u{1B}[200~\(text)\u{1B}[201~\r") == [.text(text), .enter])
    }

    @Test func aDroppedPasteEndsAtItsMark() {
        var decoder = KeyDecoder()
        #expect(
            decoder.decode(Array("\u{1B}[200~one\rtw".utf8)) == [.text("one"), .pastedEnter, .text("tw")]
        )
        decoder.dropPaste()
        #expect(decoder.decode(Array("o\rexit\r\u{1B}[20".utf8)) == [] && decoder.pasteMatched == 4)
        #expect(decoder.decode(Array("1~x".utf8)) == [.text("x")] && !decoder.isPasting)
    }

    /// Keys, reports and strings without a meaning at the prompt, from xterm, rxvt, PuTTY, the Linux console and others.
    @Test(arguments: [
        "\u{1B}[[A", "\u{1B}[[E", "\u{1B}[11~", "\u{1B}[1;2P", "\u{1B}OP", "\u{1B}O2P", "\u{1B}O1;5P",
        "\u{1B}[5;3~",
        "\u{1B}[2$", "\u{1B}[24@", "\u{1B}[Z", "\u{1B}[I", "\u{1B}[O", "\u{1B}[97;5u", "\u{1B}[27;6;97~",
        "\u{1B}[?62;c",
        "\u{1B}[>41;354;0c", "\u{1B}[?2026;2$y", "\u{1B}[4;1$y", "\u{1B}[<0;10;20M", "\u{1B}[<0;10;20m",
        "\u{1B}[32;5;7M",
        "\u{1B}[M !!", "\u{1B}[M#ĀĀ", "\u{1B}]11;rgb:0000/0000/0000\u{7}",
        "\u{1B}]10;rgb:ffff/ffff/ffff\u{1B}\\",
        "\u{1B}]52;c;ZXhpdAo=\u{9C}", "\u{1B}]l a title\r with é ü\u{1B}\\", "\u{1B}P1+r544e=787465\u{1B}\\",
        "\u{1B}P>|foot(1.13.1)\u{1B}\\", "\u{1B}_Gi=1;OK\u{1B}\\", "\u{1B}^pm\u{1B}\\", "\u{1B}Xsos\u{1B}\\",
        "\u{9D}0;x\u{9C}",
        "\u{90}q\u{9C}", "\u{1B}a", "\u{1B}é", "\u{1B}漢", "\u{1B}😀", "\u{1B}\u{1B}é", "\u{1B}\u{1B}[5~",
        "\u{1B}\t", "\u{0}",
        "\u{1C}", "\u{85}", "\u{1B}[200;1~", "\u{1B}[201~", "\u{18}x", "\u{1B}[1 q",
    ])
    func whatIsNoKeyHereIsSwallowedWhole(bytes: String) {
        #expect(keys("x" + bytes + "y") == [.text("x"), .unknown, .text("y")])
    }

    @Test func bytesOfAMouseReportBeyondUTF8() {
        #expect(keys(Array("\u{1B}[M ".utf8) + [0xA5, 0xFE, 0x79]) == [.unknown, .text("y")])
    }

    @Test func aSequenceWithIntermediateBytesComesInOnePiece() {
        var decoder = KeyDecoder()
        #expect(decoder.decode(Array("\u{1B}(By".utf8)) == [.unknown, .text("y")])
        // Alt with a full stop.
        #expect(decoder.decode(Array("\u{1B}.".utf8)) == [.unknown])
        #expect(decoder.decode(Array("By".utf8)) == [.text("By")])
    }

    @Test(arguments: [
        "\u{1B}", "\u{1B}[", "\u{1B}[1;", "\u{1B}O", "\u{1B}[[", "\u{1B}[M!", "\u{1B}]0;title", "\u{1B}P",
        "\u{18}",
    ])
    func whatIsBrokenOffDoesNotKeepCtrlCAndEscAway(bytes: String) {
        #expect(keys(bytes + "\u{3}y").suffix(2) == [.interrupt, .text("y")])
        #expect(keys(bytes + "\u{1B}[Ay").suffix(2) == [.up, .text("y")])
    }

    @Test(arguments: ["\u{1B}[", "\u{1B}[1;", "\u{1B}O"])
    func enterEndsWhatIsBrokenOff(bytes: String) { #expect(keys(bytes + "\r") == [.enter]) }

    @Test func aQuotedCharacterIsText() {
        #expect(keys("a\u{16}\u{3}\u{16}\u{1B}b\u{16}é\u{16}\u{16}") == [.text("a\u{3}\u{1B}bé\u{16}")])
        #expect(keys("\u{16}\u{1B}[20x\u{16}\u{1B}\r") == [.text("\u{1B}[20x\u{1B}"), .enter])
        // Ctrl-V and then a paste, by a user who confuses the two.
        #expect(keys("\u{16}\u{1B}[200~exit\r\u{1B}[201~\r") == [.text("exit"), .pastedEnter, .enter])
        #expect(keys("a\u{16}\nb") == [.text("a"), .unknown, .text("b")])
    }

    @Test func everyByteAtAnyTimeIsTaken() {
        // After any bytes and then the end of a string, Ctrl-C and text are understood.
        var decoder = KeyDecoder()
        var state: UInt64 = 1
        for _ in 0..<20_000 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let byte = [
                0x1B, 0x5B, 0x4F, 0x5D, 0x4D, 0x24, 0x3B, 0x16, 0x18, 0xC2, 0x9B,
                UInt8(truncatingIfNeeded: state >> 40),
            ]
            _ = decoder.decode([byte[Int(state >> 33) % byte.count]])
        }
        decoder.endPaste()
        #expect(decoder.decode([0x1B, 0x5C, 0x03, 0x03, 0x61]).suffix(2) == [.interrupt, .text("a")])
    }

    @Test func illFormedBytesBecomeReplacementsAndNothingIsLost() {
        #expect(keys([0x61, 0xFF, 0x62, 0xC3, 0x28, 0xA0]) == [.text("a\u{FFFD}b\u{FFFD}(\u{FFFD}")])
    }
}
