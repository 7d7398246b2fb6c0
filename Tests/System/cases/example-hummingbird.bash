# Examples/Sources/hummingbird-hello, a Hummingbird server, does under systemd what the documentation of Systemd says.
. "$(dirname "$0")/../helpers.bash"
. "$(dirname "$0")/../examples.bash"

install_example hummingbird-hello <<'END'
WatchdogSec=2s
SetCredential=greeting:moin
LoadCredential=token:/root/token
END
machine sh -c 'umask 077 && echo s3cret >/root/token'
get() { talk "GET $1 HTTP/1.1\r\nHost: localhost\r\n${2:-}Connection: close\r\n\r\n" | tr -d '\r'; }
greeted() { [[ $(get /) =~ ^"HTTP/1.1 200 OK".*$'\n\n'"$1"$ ]]; }
lives_with_systemd greeted

matches "the token is asked for" "^HTTP/1.1 401" "$(get /secret)"
matches "a wrong one is refused" "^HTTP/1.1 401" "$(get /secret 'Authorization: Bearer secret\r\n')"
matches "the credential is the token" "^HTTP/1.1 200.*welcome" "$(get /secret 'Authorization: Bearer s3cret\r\n')"
matches "an answer has a date" $'\nDate: ' "$(get /)"
refuse "the token is not in the journal" grep -q s3cret <<<"$(example_journal --output export | tr -d '\0')"

entry=$(example_journal --output export SYSLOG_IDENTIFIER=hummingbird-hello PRIORITY=6 | tr -d '\0')
matches "Hummingbird's metadata are fields" $'(^|\n)HB_REQUEST_ID=' "$entry"
matches "a request's path is a field" $'(^|\n)HB_REQUEST_PATH=/secret' "$entry"
