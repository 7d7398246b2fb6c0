# What the cases share. `run` has booted a machine for each of them and installed the package there;
# $MACHINE is its name, $RELEASE its Debian, $PACKAGE the package.
# A case that gets to its end has passed.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")

container() { "$here/container" "$@"; }
machine() { container exec "$MACHINE" "$@"; }
# Clients run on this side, in the machine's network: the machine itself needs nothing for them.
client() (
    # The end of `begin`'s clients is the end of their input: nobody else may hold it open.
    if [ -n "${to_clients:-}" ]; then exec {to_clients}>&-; fi
    container network "$MACHINE" python3 "$here/client.py" "$@"
)
# signal NAME PID
signal() { machine sh -c "kill -$1 $2"; }

# begin COMMAND ARGUMENT…: starts clients that go on until `finish`, and waits for their first word, $said.
begin() {
    clients_folder=$(mktemp -d)
    mkfifo "$clients_folder/in" "$clients_folder/out"
    client "$@" <"$clients_folder/in" >"$clients_folder/out" &
    clients=$!
    exec {to_clients}>"$clients_folder/in" {from_clients}<"$clients_folder/out"
    rm -r "$clients_folder"
    read -r said <&"$from_clients" || fail "clients could not begin: $*"
}

# end_input: tells them that it is time to end. finish WHAT: and waits for it; they must have found nothing wrong.
end_input() {
    exec {to_clients}>&-
    to_clients=
}
finish() {
    local result=0
    if [ -n "$to_clients" ]; then end_input; fi
    wait "$clients" || result=$?
    cat <&"$from_clients"
    exec {from_clients}<&-
    [ $result = 0 ] || fail "$1"
}

fail() {
    echo "failed: $*"
    machine systemctl --no-pager --full status reversed.service || true
    journal | tail -n 20
    exit 1
}

# expect WHAT COMMAND…: the command succeeds.
expect() {
    local what=$1
    shift
    "$@" || fail "$what"
}

# refuse WHAT COMMAND…: the command fails.
refuse() {
    local what=$1
    shift
    if "$@"; then fail "$what"; fi
}

# same WHAT WANTED FOUND
same() { [ "$2" = "$3" ] || fail "$1: '$2' was expected, '$3' found"; }

# matches WHAT PATTERN TEXT: an extended regular expression.
matches() { [[ $3 =~ $2 ]] || fail "$1: /$2/ was expected in: $3"; }

# eventually WHAT COMMAND…: the command succeeds within half a minute.
eventually() {
    local what=$1 end=$((SECONDS + 30))
    shift
    until "$@"; do
        [ $SECONDS -lt $end ] || fail "$what, not within 30 s"
        sleep 0.1
    done
}

property() { machine systemctl show --value --property "$1" "${2:-reversed.service}"; }
is() { [ "$(property "$1")" = "$2" ]; }
status_matches() { [[ $(property StatusText) =~ $1 ]]; }

# journal [ARGUMENT…]: the service's messages, all that were written before this call.
journal() {
    machine journalctl --sync
    machine journalctl --quiet --no-pager --output cat --unit reversed.service "$@"
}

journal_matches() { [[ $(journal) =~ $1 ]]; }

# settings <<< TOML: the whole settings file.
settings() { machine sh -c 'cat >/etc/reversed/reversed.toml'; }

# drop_in UNIT <<< LINES
drop_in() {
    machine sh -c 'mkdir -p "/etc/systemd/system/$1.d" && cat >"/etc/systemd/system/$1.d/test.conf"' - "$1"
    machine systemctl daemon-reload
}

example() {
    machine install -D -m 0644 -t /etc/systemd/system/reversed.service.d "/usr/share/doc/reversed/examples/$1"
    machine systemctl daemon-reload
}

start() { expect "the service starts" machine systemctl start reversed; }
