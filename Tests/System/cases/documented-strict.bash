# The commands at the beginning of strict.conf, beside a running service.
. "$(dirname "$0")/../helpers.bash"

instead() { return 1; }
machine systemctl enable --now --quiet reversed
type_commands systemd/examples/strict.conf
expect "it answers" client ask 127.0.0.1:5000 documented
same "systemd holds the port" active "$(property ActiveState reversed.socket)"
same "the service has no network" yes "$(property PrivateNetwork)"
machine systemctl stop reversed.service reversed.socket
machine systemctl start reversed
expect "a start brings the socket with it" client ask 127.0.0.1:5000 documented
