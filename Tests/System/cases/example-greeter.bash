# Examples/Sources/greeter, a server on libdispatch, does under systemd what the documentation of Systemd says.
. "$(dirname "$0")/../helpers.bash"
. "$(dirname "$0")/../examples.bash"

install_example greeter <<'END'
WatchdogSec=2s
SetCredential=greeting:moin
END
greeted() { [ "$(talk '')" = "$1" ]; }
lives_with_systemd greeted

entry=$(example_journal --output export SYSLOG_IDENTIFIER=greeter BYTES=7 | tr -d '\0')
matches "a client is a field" $'(^|\n)CLIENT=127.0.0.1:' "$entry"
