# Examples/Sources/nio-echo, a SwiftNIO server, does under systemd what the documentation of Systemd says.
. "$(dirname "$0")/../helpers.bash"
. "$(dirname "$0")/../examples.bash"

install_example nio-echo <<'END'
WatchdogSec=2s
SetCredential=greeting:moin
END
greeted() { [ "$(talk 'a line\n')" = "$1"$'\na line' ]; }
lives_with_systemd greeted

entry=$(example_journal --output export SYSLOG_IDENTIFIER=nio-echo PRIORITY=6 | tr -d '\0')
matches "a client is a field" $'(^|\n)CLIENT=[^\n]*127.0.0.1' "$entry"
matches "the code is a field" $'(^|\n)CODE_FUNC=channelActive' "$entry"
client=$(sed -n 's/^CLIENT=//p' <<<"$entry" | tail -n 1)
same "a client is found by it" 1 "$(example_journal --output cat CLIENT="$client" | wc -l)"
