# Every kind of socket that systemd can pass: IPv4, IPv6, Unix, several at once, with names.
. "$(dirname "$0")/../helpers.bash"

# The port of the settings file must not be opened.
echo 'port = 5999' | settings
drop_in reversed.socket <<'END'
[Socket]
ListenStream=
ListenStream=127.0.0.1:5001
ListenStream=[::1]:5002
ListenStream=/run/handed.sock
ListenStream=5003
FileDescriptorName=front
END
# Other kinds of sockets come through a separate unit.
machine sh -c 'cat >/etc/systemd/system/odd.socket' <<'END'
[Socket]
ListenDatagram=127.0.0.1:5004
FileDescriptorName=odd
Service=reversed.service
END
drop_in reversed.service <<'END'
[Service]
Sockets=odd.socket
END
machine systemctl start odd.socket reversed.socket
for address in 127.0.0.1:5001 "[::1]:5002" /run/handed.sock 127.0.0.1:5003 "[::1]:5003"; do
    case $address in
        /*) expect "$address answers" machine reverse-client -U "$address" hello >/dev/null ;;
        *) expect "$address answers" client ask "$address" hello ;;
    esac
done
refuse "the file's port is not open" client ask 127.0.0.1:5999 no 2>/dev/null
journal_matches "not used" || fail "the journal says that host and port are not used"
matches "the journal warns of the datagram socket" "odd.*closed" "$(journal --priority warning)"
matches "the journal knows the names" "front" "$(journal)"

pid=$(property MainPID)
datagram=$(machine awk '$2 ~ /:138C$/ { print $10 }' /proc/net/udp)
matches "systemd still holds the datagram socket" '^[0-9]+$' "$datagram"
refuse "the service does not" grep -qF "socket:[$datagram]" <<<"$(machine ls -l "/proc/$pid/fd")"
expect "a reload keeps the sockets" machine systemctl reload reversed
expect "IPv4 answers after the reload" client ask 127.0.0.1:5001 again
expect "IPv6 answers after the reload" client ask "[::1]:5002" again
refuse "the file's port is still not open" client ask 127.0.0.1:5999 no 2>/dev/null
same "it is the same process" "$pid" "$(property MainPID)"
machine systemctl stop reversed.service
expect "a client starts it again" client ask 127.0.0.1:5001 again
