# A port that is in use fails the start with a reason, once.
. "$(dirname "$0")/../helpers.bash"

machine sh -c 'cat >/etc/systemd/system/other.socket; cat /lib/systemd/system/reversed.service >/etc/systemd/system/other.service' <<'END'
[Socket]
ListenStream=127.0.0.1:5000
END
machine systemctl daemon-reload
machine systemctl start other.socket
refuse "the start fails" machine systemctl start reversed 2>/dev/null
same "the exit code says why" 69 "$(property ExecMainStatus)"
same "the unit has failed" failed "$(property ActiveState)"
journal_matches "127\.0\.0\.1:5000" || fail "the journal names the address"
journal_matches "in use" || fail "the journal says that it is in use"
same "it is not tried again" 0 "$(property NRestarts)"
machine systemctl stop other.socket
start
expect "it answers when the port is free" client ask 127.0.0.1:5000 free
