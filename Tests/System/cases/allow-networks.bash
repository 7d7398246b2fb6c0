# The commands of allow-networks.conf: clients of its networks are served, packets of others are dropped. The same list on
# the socket unit.
. "$(dirname "$0")/../helpers.bash"

inside="192.0.2.7 2001:db8::7"
outside="198.51.100.7 2001:db9::7"
for address in $inside $outside; do network ip address add "$address" dev lo nodad 2>/dev/null || network ip address add "$address" dev lo; done
trap 'for address in $inside $outside; do network ip address del "$address" dev lo; done' EXIT
instead() { return 1; }
# A client that connects to an address of this machine comes from the same address.
reaches() { [ "$(machine timeout 2 reverse-client --timeout 1s -H "$1" hello 2>/dev/null)" = olleh ]; }

settings <<<'host = "::"'
machine systemctl enable --now --quiet reversed
for address in 127.0.0.1 ::1 $inside $outside; do expect "$address is served without the drop-in" reaches "$address"; done

type_commands systemd/examples/allow-networks.conf
expect "the unit verifies" machine systemd-analyze verify --man=no reversed.service
for address in 127.0.0.1 ::1 $inside; do expect "$address is in the list" reaches "$address"; done
for address in $outside; do refuse "$address is not in the list" reaches "$address"; done

# For sockets from systemd the list of the socket unit applies.
machine rm -r /etc/systemd/system/reversed.service.d
machine systemctl stop reversed
drop_in reversed.socket < <(printf '%s\n' '[Socket]' ListenStream= ListenStream=5000
    sed -n '/^IPAddress/p' "$here/../../systemd/examples/allow-networks.conf")
machine systemctl start reversed.socket reversed
for address in 127.0.0.1 ::1 $inside; do expect "$address is in the list of the socket" reaches "$address"; done
for address in $outside; do refuse "$address is not in the list of the socket" reaches "$address"; done
