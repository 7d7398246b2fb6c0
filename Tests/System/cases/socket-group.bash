# The commands of socket-group.conf, and `mode` of a listener: users who may write to the socket are served.
. "$(dirname "$0")/../helpers.bash"

instead() { return 1; }
asks() { [ "$(machine runuser -u "$1" -- reverse-client -U "$2" hello 2>&1)" = olleh ]; }
is_refused() { matches "$1 may not" "Permission denied" "$(machine runuser -u "$1" -- reverse-client -U "$2" hello 2>&1)"; }

machine systemctl enable --now --quiet reversed
type_commands systemd/examples/socket-group.conf
machine useradd --groups reversed-clients member
machine useradd stranger
same "owner, group and mode" "root reversed-clients 660" "$(machine stat --format '%U %G %a' /run/reversed.sock)"
expect "a member of the group is served" asks member /run/reversed.sock
is_refused stranger /run/reversed.sock
refuse "the port is closed" client ask 127.0.0.1:5000 no 2>/dev/null

# A socket that the daemon creates.
machine systemctl disable --now --quiet reversed.socket reversed.service
machine rm -r /etc/systemd/system/reversed.socket.d
machine systemctl daemon-reload
path=/run/reversed/reversed.sock
settings <<<"[[listener]]
path = \"$path\"
mode = \"0600\""
start
same "only its owner may write to it" 600 "$(machine stat --format %a "$path")"
is_refused stranger "$path"
expect "root is served" machine reverse-client -U "$path" hello
machine sed -i 's/0600/0666/' /etc/reversed/reversed.toml
machine systemctl restart reversed
expect "every user is served" asks stranger "$path"
