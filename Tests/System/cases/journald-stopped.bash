# A stopped journald never blocks a client; when it reads again, a record says how many records were dropped.
. "$(dirname "$0")/../helpers.bash"

start
expect "it answers" client ask 127.0.0.1:5000 before
journald=$(property MainPID systemd-journald.service)
signal STOP "$journald"
# Each connection is two messages: far more than the socket of the journal and the backlog of the daemon hold.
stalled=$(network timeout 120 bash -c "
    for round in 1 2 3 4 5 6 7 8 9 10; do python3 '$here/client.py' load 127.0.0.1:5000 300 3 || exit 1; done" 2>&1) ||
    { signal CONT "$journald"; fail "clients wait for the journal: $stalled"; }
signal CONT "$journald"
same "no restart" 0 "$(property NRestarts)"
expect "it answers" client ask 127.0.0.1:5000 after
# Nor does a restart of journald.
machine systemctl restart systemd-journald
expect "it answers" client ask 127.0.0.1:5000 after
# Messages about clients are limited, so the one about a single client after the flood may be left out.
is_logged() { client ask 127.0.0.1:5000 "fourteen byte"; machine journalctl --sync; machine journalctl -q -o cat --no-pager -u reversed BYTES=14 | grep -q disconnected; }
eventually "the restarted journal has its messages" is_logged
