# A reload with a bad file fails and changes nothing, even if only the daemon can find the mistake.
. "$(dirname "$0")/../helpers.bash"

start
pid=$(property MainPID)
begin hold 127.0.0.1:5000 1
echo 'port = 99999' | settings
refuse "the reload fails" machine systemctl reload reversed 2>/dev/null
expect "the service is unharmed" client ask 127.0.0.1:5000 unharmed
same "the service is active" active "$(property ActiveState)"

# The journal has one error for each mistake, with the id that the catalog explains.
printf 'port = 99999\nprot = 1\n[limits]\nidle_timeout = "soon"\n' | settings
own_errors() { journal --priority err SYSLOG_IDENTIFIER=reversed; }
before=$(own_errors | wc -l)
refuse "the reload fails" machine systemctl reload reversed 2>/dev/null
errors=$(own_errors | tail -n "+$((before + 1))")
same "each mistake is a separate error" 3 "$(wc -l <<<"$errors")"
for mistake in 99999 prot idle_timeout; do matches "the journal has the mistake" "$mistake" "$errors"; done
same "under the documented id" "$errors" "$(machine journalctl -q -o cat --no-pager -u reversed -p err \
    MESSAGE_ID=ecaf35efb8ce4ffd95e5666bb73670f2 | tail -n "+$((before + 1))")"
matches "which the catalog explains" "Correct /etc/reversed/reversed.toml" \
    "$(machine journalctl -x --no-pager -u reversed -p err)"

# The status shows it until the next successful reload, while the service continues.
expect "the service is unharmed" client ask 127.0.0.1:5000 unharmed
sleep 2.5 # two regular status lines
matches "status still shows the failed reload" "reload failed.*99999" "$(property StatusText)"
echo 'port = 5000' | settings
expect "a good reload succeeds" machine systemctl reload reversed
refuse "the status no longer shows the failed reload" grep -q failed <<<"$(property StatusText)"
matches "the journal says what was read" "reloaded /etc/reversed/reversed.toml" "$(journal)"
same "the journal has only messages of the daemon" "" \
    "$(machine journalctl -q --no-pager -o cat -u reversed _TRANSPORT=stdout)"
echo 'port = 99999' | settings

# The signal alone, as a script may send it.
machine systemctl kill --signal=HUP --kill-whom=main reversed
eventually "the status shows the failed reload" status_matches "99999"
same "the service is active again" active "$(property ActiveState)"
expect "the service is still unharmed" client ask 127.0.0.1:5000 unharmed

# An address that this machine does not have passes --check and fails in the daemon.
printf 'host = "192.0.2.1"\nport = 6000\n' | settings
machine systemctl reload reversed || true
eventually "the journal says why" journal_matches "192\.0\.2\.1"
eventually "the service is active again" is ActiveState active
expect "the old port answers" client ask 127.0.0.1:5000 unharmed
machine journalctl --sync
matches "the failure has its message id" "reload failed" "$(machine journalctl -o cat --no-pager \
    MESSAGE_ID=ecaf35efb8ce4ffd95e5666bb73670f2)"
finish "the old connection continues"
same "it is the same process" "$pid" "$(property MainPID)"
echo 'port = 6000' | settings
expect "a reload with a correct file still succeeds" machine systemctl reload reversed
expect "the new port answers" client ask 127.0.0.1:6000 new
