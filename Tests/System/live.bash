# Functions of the cases on restarts: a service on sockets of every kind, and clients that stay connected.
# shellcheck disable=SC2034,SC2154 # shared with helpers.bash and the cases

# The addresses for the clients, as seen by the host.
root=/
if [ "$MACHINE" != here ]; then root=/proc/$(pgrep -P "$(cat "/run/reversed-tests/$MACHINE/pid")")/root/; fi
addresses=(line:127.0.0.1:5000 "line:[::1]:5000" "line:${root}run/reversed/line" chunk:127.0.0.1:5001 "chunk:${root}run/reversed/chunk")
reconnecting=(127.0.0.1:5000 "[::1]:5000" "${root}run/reversed/line")

live_settings() {
    settings <<'END'
[limits]
max_connections = 10000
first_line_timeout = "0"

[log]
connections = false

[[listener]]
host = "127.0.0.1"
port = 5000

[[listener]]
host = "::1"
port = 5000

[[listener]]
path = "/run/reversed/line"

[[listener]]
host = "127.0.0.1"
port = 5001
framing = "chunk"

[[listener]]
path = "/run/reversed/chunk"
framing = "chunk"
END
}

# begin_steady TALKING HALF DEAF SILENT: starts clients that stay connected, see steady.py; $steady_said is their first line.
begin_steady() {
    local folder
    folder=$(mktemp -d)
    mkfifo "$folder/in" "$folder/out"
    network python3 "$here/steady.py" "$@" "${addresses[@]}" <"$folder/in" >"$folder/out" &
    steady=$!
    exec {to_steady}>"$folder/in" {from_steady}<"$folder/out"
    rm -r "$folder"
    read -r steady_said <&"$from_steady" || fail "clients could not begin"
}

# mark: the longest waits for an answer since the last mark.
mark() {
    local said
    echo mark >&"$to_steady"
    read -r said <&"$from_steady" || fail "the clients have ended"
    echo "$said"
}

finish_steady() {
    local result=0
    (echo end >&"$to_steady") 2>/dev/null || true
    cat <&"$from_steady"
    wait "$steady" || result=$?
    exec {to_steady}>&- {from_steady}<&-
    [ $result = 0 ] || fail "$1"
}

begin_knocking() { begin knock "${reconnecting[0]}" 6 "${reconnecting[@]:1}"; }

# repacked FOLDER VERSION: the package with another version.
repacked() {
    dpkg-deb --raw-extract "$PACKAGE" "$1/package"
    sed -i "s/^Version: .*/Version: $2/" "$1/package/DEBIAN/control"
    dpkg-deb --root-owner-group -Znone --build "$1/package" "$1/reversed_$2.deb" >/dev/null
    echo "$1/reversed_$2.deb"
}
