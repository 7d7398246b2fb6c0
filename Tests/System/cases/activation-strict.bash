# The strictest drop-in: the service has no network, and serves clients through the sockets from systemd.
. "$(dirname "$0")/../helpers.bash"

example strict.conf
expect "the unit verifies" machine systemd-analyze verify --man=no reversed.service reversed.socket
exposure=$(machine systemd-analyze security --no-pager reversed.service | tail -n 1)
matches "exposure is 0.3 or less" "service: 0\.[0-3] " "$exposure"
machine systemctl enable --now --quiet reversed.socket
expect "it answers" client ask 127.0.0.1:5000 strict
expect "under load" client load 127.0.0.1:5000 200 200
pid=$(property MainPID)
refuse "it is not in the machine's network" \
    [ "$(machine readlink "/proc/$pid/ns/net")" = "$(machine readlink /proc/1/ns/net)" ]
expect "a reload succeeds" machine systemctl reload reversed
expect "a restart succeeds" machine systemctl restart reversed
expect "it answers again" client ask 127.0.0.1:5000 strict
eventually "the status counts lines" status_matches "lines"
machine journalctl --sync
matches "the journal still has fields" "LISTENER=" \
    "$(machine journalctl -o export --no-pager -u reversed LISTENER=reversed || true)$(machine journalctl -o export --no-pager -u reversed || true)"
