# Examples/Sources/greeter, a server on libdispatch, does under systemd what the documentation of Systemd says.
. "$(dirname "$0")/../helpers.bash"
. "$(dirname "$0")/../examples.bash"

install_example greeter <<'END'
WatchdogSec=2s
SetCredential=greeting:moin
StateDirectory=greeter greeter/second
RuntimeDirectory=greeter
CacheDirectory=greeter
END
greeted() { [ "$(talk '')" = "$1" ]; }
lives_with_systemd greeted

entry=$(example_journal --output export SYSLOG_IDENTIFIER=greeter BYTES=7 | tr -d '\0')
matches "a client is a field" $'(^|\n)CLIENT=127.0.0.1:' "$entry"
entry=$(example_journal --output export RUNTIME='["/run/greeter"]' --lines 1 | tr -d '\0')
matches "the directories are values" $'(^|\n)STATE=\\["/var/lib/greeter", "/var/lib/greeter/second"\\](\n|$)' "$entry"
matches "the cache is one" '/var/cache/greeter' "$entry"
