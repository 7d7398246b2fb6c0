# The commands of reversed(8), typed in its order on a fresh machine.
. "$(dirname "$0")/../helpers.bash"

addresses="192.0.2.1/32 2001:db8::1/128"
for address in $addresses; do network ip address add "$address" dev lo; done
trap 'for address in $addresses; do network ip address del "$address" dev lo; done' EXIT

instead() {
    case $1 in
        "reversed --port 0")
            # It stays in the foreground until it is stopped.
            matches "it says where it listens" "listening on 127\.0\.0\.1:[0-9]+" \
                "$(machine timeout --preserve-status 1 reversed --port 0 2>&1)"
            ;;
        # They need an account on another machine: the case "ssh" uses accounts of this one.
        "ssh -N "* | *" -U /run/user/1000/reversed.sock "*) ;;
        # It needs settings of its own: the case "metrics" asks this.
        "curl -f http://127.0.0.1:9150/healthz") ;;
        *) return 1 ;;
    esac
}
type_commands man/reversed.8
same "the service runs" active "$(property ActiveState)"
for address in 192.0.2.1:5000 "[2001:db8::1]:5000"; do expect "$address answers" client ask "$address" documented; done
same "the Unix socket answers" olleh "$(machine reverse-client -U /run/reversed.sock hello)"
