import Glibc
import Testing

@testable import Systemd

/// A directory of credentials like that of systemd.
private final class Vault {
    let path: String
    let credentials: Credentials

    init() throws {
        var template = Array("/tmp/credentials-XXXXXX".utf8CString)
        path = try #require(mkdtemp(&template).map { String(cString: $0) })
        credentials = Credentials(environment: ["CREDENTIALS_DIRECTORY": path])
    }

    func write(_ name: String, _ bytes: [UInt8]) throws {
        let descriptor = open("\(path)/\(name)", O_CREAT | O_WRONLY | O_TRUNC, 0o400)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        #expect(Glibc.write(descriptor, bytes, bytes.count) == bytes.count)
    }

    deinit {
        for name in ["secret", "sparse", "fifo"] { unlink("\(path)/\(name)") }
        rmdir("\(path)/directory")
        rmdir(path)
    }
}

@Suite struct CredentialsTests {
    /// Why a credential is refused; nil if it is not.
    private func refusal(
        of name: String,
        from credentials: Credentials,
        limit: Int = Credentials.largestSize
    ) -> CredentialError.Reason? {
        do { _ = try credentials.text(name, limit: limit) } catch { return error.reason }
        return nil
    }

    @Test func aCredentialIsReadAsItIs() throws {
        let vault = try Vault()
        try vault.write("secret", [0, 255, 10, 10])
        #expect(try vault.credentials.read("secret") == [0, 255, 10, 10])
        #expect(try vault.credentials.read("missing") == nil)
        #expect(refusal(of: "secret", from: vault.credentials) == .notUTF8)
        try vault.write("secret", [])
        #expect(try vault.credentials.read("secret") == [])
    }

    @Test(arguments: [
        (CredentialError.Reason.tooLarge(limit: 8), "the credential 'key' is larger than 8 bytes"),
        (.notRegularFile, "the credential 'key' is not a regular file"),
        (.notUTF8, "the credential 'key' is not UTF-8 text"),
        (.system(EACCES), "cannot read the credential 'key': Permission denied"),
    ])
    func aRefusalIsASentence(reason: CredentialError.Reason, sentence: String) {
        #expect("\(CredentialError(name: "key", reason: reason))" == sentence)
    }

    @Test func textLosesOneLineFeed() throws {
        let vault = try Vault()
        try vault.write("secret", Array("pass wörd\n\n".utf8))
        #expect(try vault.credentials.text("secret") == "pass wörd\n")
        #expect(try vault.credentials.text("missing") == nil)
    }

    @Test func theSizeIsLimitedByTheCallerAndInAnyCase() throws {
        let vault = try Vault()
        try vault.write("secret", [1, 2, 3])
        #expect(try vault.credentials.read("secret", limit: 3) == [1, 2, 3])
        for (limit, named) in [(2, 2), (0, 0), (-1, 0)] {
            #expect(refusal(of: "secret", from: vault.credentials, limit: limit) == .tooLarge(limit: named))
        }
        try vault.write("sparse", [])
        #expect(truncate("\(vault.path)/sparse", 1 << 40) == 0)
        #expect(
            refusal(of: "sparse", from: vault.credentials, limit: .max)
                == .tooLarge(limit: Credentials.largestSize)
        )
    }

    @Test(arguments: [
        "", ".", "..", "/etc/passwd", "../secret", "a/b", "a:b", "a\u{0}b", "a\nb", "ä",
        String(repeating: "x", count: 256),
    ])
    func aNameThatIsNoneIsRefused(_ name: String) throws {
        let vault = try Vault()
        for credentials in [vault.credentials, Credentials(environment: [:])] {
            #expect(refusal(of: name, from: credentials) == .invalidName)
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func whatIsNoFileIsRefusedAndNotWaitedFor() throws {
        let vault = try Vault()
        #expect(mkdir("\(vault.path)/directory", 0o700) == 0)
        #expect(mkfifo("\(vault.path)/fifo", 0o600) == 0)
        for name in ["directory", "fifo"] {
            #expect(refusal(of: name, from: vault.credentials) == .notRegularFile)
        }
    }

    @Test func outsideSystemdThereIsNone() throws {
        let credentials = Credentials(environment: [:])
        #expect(credentials.directory == nil && credentials.warning == nil)
        #expect(try credentials.read("secret") == nil)
    }

    @Test func aRelativeDirectoryIsAWarning() throws {
        let credentials = Credentials(environment: ["CREDENTIALS_DIRECTORY": "etc\u{1b}"])
        #expect(credentials.directory == nil)
        #expect(credentials.warning?.contains("CREDENTIALS_DIRECTORY=etc\\x1b") == true)
        #expect(try credentials.read("passwd") == nil)
    }

    @Test func anErrorNamesTheCredentialInOneLine() {
        do {
            _ = try Credentials(environment: [:]).read("a\nb")
            Issue.record("the name is not refused")
        } catch {
            #expect("\(error)".contains("'a\\nb'") && !"\(error)".contains("\n"))
        }
    }
}
