# `systemctl start` returns when the service listens, and its status has the addresses and the load.
. "$(dirname "$0")/../helpers.bash"

refuse "the service is off after installation" machine systemctl --quiet is-active reversed.service
refuse "the service is disabled after installation" machine systemctl --quiet is-enabled reversed.service
start
expect "it answers at once" client ask 127.0.0.1:5000 ADVANCE "é Ж 文" ""
matches "the status has the address" "127\.0\.0\.1:5000" "$(property StatusText)"
expect "the main process is the daemon" is MainPID "$(machine cat /proc/"$(property MainPID)"/stat | cut -d' ' -f1)"
begin hold 127.0.0.1:5000 3
same "clients are held" "3 held" "$said"
eventually "status counts connections" status_matches "3 connections"
finish "the clients were answered again"
eventually "the status shows that they have disconnected" status_matches "0 connections"
same "no restart" 0 "$(property NRestarts)"
journal_matches "listening on 127\.0\.0\.1:5000" || fail "the journal says where it listens"
same "the journal has only messages of the daemon" "" \
    "$(machine journalctl -q --no-pager -o cat -u reversed _TRANSPORT=stdout)"
