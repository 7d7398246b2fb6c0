# The commands at the beginning of privileged-port.conf, beside a running service.
. "$(dirname "$0")/../helpers.bash"

instead() { return 1; }
machine systemctl enable --now --quiet reversed
type_commands systemd/examples/privileged-port.conf
expect "it answers on port 80" client ask 127.0.0.1:80 documented
