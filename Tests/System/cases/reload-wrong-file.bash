# A reload with a bad file fails and changes nothing; so does one whose mistake only the daemon can find.
. "$(dirname "$0")/../helpers.bash"

start
pid=$(property MainPID)
begin hold 127.0.0.1:5000 1
echo 'port = 99999' | settings
refuse "the reload fails" machine systemctl reload reversed 2>/dev/null
expect "the service is unharmed" client ask 127.0.0.1:5000 unharmed
journal_matches "99999" || fail "the journal says why"
same "the service is active" active "$(property ActiveState)"

# The signal alone, as a script may send it.
machine systemctl kill --signal=HUP --kill-whom=main reversed
eventually "status tells of the failed reload" status_matches "99999"
same "the service is active again" active "$(property ActiveState)"
expect "the service is still unharmed" client ask 127.0.0.1:5000 unharmed

# An address that is not ours passes --check and fails in the daemon.
printf 'host = "192.0.2.1"\nport = 6000\n' | settings
machine systemctl reload reversed || true
eventually "the journal tells why" journal_matches "192\.0\.2\.1"
eventually "the service is active again" is ActiveState active
expect "the old port answers" client ask 127.0.0.1:5000 unharmed
machine journalctl --sync
matches "the failure has its message id" "reload failed" "$(machine journalctl -o cat --no-pager \
    MESSAGE_ID=ecaf35efb8ce4ffd95e5666bb73670f2)"
finish "the old connection lives"
same "it is the same process" "$pid" "$(property MainPID)"
echo 'port = 6000' | settings
expect "a good file is taken after all that" machine systemctl reload reversed
expect "the new port answers" client ask 127.0.0.1:6000 new
