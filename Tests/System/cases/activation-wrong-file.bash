# A file with mistakes under socket activation: waiting clients do not start the service again and again.
. "$(dirname "$0")/../helpers.bash"

echo 'port = "x"' | settings
machine systemctl start reversed.socket
client hold 127.0.0.1:5000 1 >/dev/null 2>&1 </dev/null &
knocker=$!
eventually "systemd stops trying" is ActiveState failed reversed.socket
kill "$knocker" 2>/dev/null || true
journal_matches "port" || fail "the journal says why"
echo 'port = 5000' | settings
machine systemctl reset-failed reversed.service reversed.socket
machine systemctl start reversed.socket
expect "it answers after the correction" client ask 127.0.0.1:5000 corrected
