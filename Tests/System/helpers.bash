# Functions of the cases. `run` has booted a machine for each case and installed the packages there;
# $MACHINE is its name, $RELEASE its Debian, $PACKAGE and $CLIENT_PACKAGE the packages. With --here $MACHINE is "here".
# A case that reaches its end has passed.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")

container() { "$here/container" "$@"; }
machine() {
    if [ "$MACHINE" = here ]; then LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"; else container exec "$MACHINE" "$@"; fi
}
# network COMMAND…: runs a command of the host in the network of the machine.
network() { if [ "$MACHINE" = here ]; then "$@"; else container network "$MACHINE" "$@"; fi; }
# Clients run on the host, in the network of the machine, so the machine needs no packages for them.
client() { network python3 "$here/client.py" "$@"; }
# For cases that install or remove the packages, or read their files.
needs_packages() {
    [ "$MACHINE" != here ] || { echo "needs the packages' files" && exit 77; }
}
# signal NAME PID
signal() { machine sh -c "kill -$1 $2"; }

# begin COMMAND ARGUMENT…: starts clients that run until `finish`, and waits for their first line, $said.
begin() {
    clients_folder=$(mktemp -d)
    mkfifo "$clients_folder/in" "$clients_folder/out"
    client "$@" <"$clients_folder/in" >"$clients_folder/out" &
    clients=$!
    exec {to_clients}>"$clients_folder/in" {from_clients}<"$clients_folder/out"
    rm -r "$clients_folder"
    # shellcheck disable=SC2034 # the case reads it
    read -r said <&"$from_clients" || fail "clients could not begin: $*"
}

# finish WHAT: asks the clients to end, and waits for that; fails if they have found an error.
finish() {
    local result=0
    # A word instead of the end of the file: background clients of the case hold the pipe open, too.
    (echo end >&"$to_clients") 2>/dev/null || true # they may have ended already
    wait "$clients" || result=$?
    cat <&"$from_clients"
    exec {to_clients}>&- {from_clients}<&-
    [ $result = 0 ] || fail "$1"
}

fail() {
    echo "failed: $*"
    machine systemctl --no-pager --full status reversed.service || true
    journal --lines=20
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

# eventually WHAT COMMAND…: the command succeeds within 30 seconds.
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

# journal [ARGUMENT…]: the messages of the service that were written before this call.
journal() {
    machine journalctl --sync
    machine journalctl --quiet --no-pager --output cat --unit reversed.service "$@"
}

journal_matches() { [[ $(journal --lines=all) =~ $1 ]]; }

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

# type_commands FILE: types the commands that a document prints, in its order, as root in a login shell's directory. Each
# must succeed, and print what the document says. The case may define `instead COMMAND`, which succeeds when it has
# dealt with a command in another way.
type_commands() {
    local entry command wanted found
    while read -r entry <&3; do
        if unit=$(value_of unit "$entry") && [ -n "$unit" ]; then
            drop_in reversed.socket <<<"$unit"
            continue
        fi
        command=$(value_of command "$entry")
        wanted=$(value_of output "$entry")
        if instead "$command"; then continue; fi
        echo "typed: $command"
        found=$(machine sh -c "cd /root && $command") || fail "'$command' of $1 does not work"
        [ -z "$wanted" ] || same "the output of '$command'" "$wanted" "$(tr -d '\r' <<<"$found")"
    done 3< <(python3 "$here/documented.py" "$here/../../$1")
}

# value_of KEY JSON: a text, or the lines of a list.
value_of() {
    python3 -c 'import json, sys
value = json.loads(sys.argv[2]).get(sys.argv[1], "")
print(value if isinstance(value, str) else "\n".join(value))' "$@"
}

# code_block FILE LANGUAGE NUMBER: the text of a document's fenced block, counted from 1 among those of its language.
code_block() {
    awk -v opening="\`\`\`$2" -v wanted="$3" '
        $0 == opening { number++; inside = 1; next }
        $0 == "```" { inside = 0 }
        inside && number == wanted' "$here/../../$1"
}
