# shellcheck shell=bash disable=SC2154 # $here is that of helpers.bash
# Functions of the cases on the example servers. `make examples` builds the servers; they run without Swift.

# install_example NAME <<< LINES: a socket unit on port 7000 and a service of that name; the lines belong to its [Service].
install_example() {
    local name=$1 binary=$here/../../Examples/.build/debug/$1 reload
    [ "$MACHINE" != here ] || { echo "needs a separate machine" && exit 77; }
    [ -x "$binary" ] || { echo "there is no $binary; make examples builds it" && exit 1; }
    container push "$MACHINE" /usr/local/bin "$binary"
    machine chmod 0755 "/usr/local/bin/$name"
    # Type=notify-reload came with systemd 253; Debian 12 has 252.
    if [ "$RELEASE" = 12 ]; then
        reload=$'Type=notify\nExecReload=/bin/sh -c "kill -HUP $$MAINPID"'
    else
        reload=Type=notify-reload
    fi
    machine sh -c 'cat >"/etc/systemd/system/$1.socket"' - "$name" <<<$'[Socket]\nListenStream=127.0.0.1:7000'
    machine sh -c 'cat >"/etc/systemd/system/$1.service"' - "$name" <<END_OF_UNIT
[Service]
ExecStart=/usr/local/bin/$name
$reload
DynamicUser=yes
Restart=on-failure
RestartSec=100ms
ConfigurationDirectory=$name
$(cat)
END_OF_UNIT
    machine systemctl daemon-reload
    # The manager then logs each message that it gets from a service.
    machine systemctl log-level debug
    example=$name.service
}

# talk TEXT: sends the text (with the escapes of printf(1)) and prints what the server sends until it closes the connection.
talk() { machine sh -c 'printf "$1" | timeout 20 nc -N 127.0.0.1 7000' - "$1"; }

# notified PATTERN: the service has sent this to the manager.
notified() {
    machine journalctl --sync
    [[ $(machine journalctl --quiet --output cat --no-pager _PID=1) =~ $example:\ Got\ notification\ message[^$'\n']*$1 ]]
}

example_property() { property "$1" "$example"; }
example_is() { [ "$(example_property "$1")" = "$2" ]; }
example_status_matches() { [[ $(example_property StatusText) =~ $1 ]]; }
example_restarted() { example_is NRestarts 1 && example_is ActiveState active; }
# example_journal ARGUMENT…: the entries of the service that were written before this call.
example_journal() {
    machine journalctl --sync
    machine journalctl --quiet --no-pager --unit "$example" "$@"
}

# The common behaviour of the servers: start for a client, READY, reload, watchdog, stop.
# lives_with_systemd COMMAND…: a command that succeeds when a client is greeted with the word that is added to it.
lives_with_systemd() {
    local pid
    machine systemctl start "${example%.service}.socket"
    same "nothing runs yet" inactive "$(example_property ActiveState)"
    expect "a client starts it, and is greeted with the credential" "$@" moin
    eventually "it says READY=1" notified READY=1
    same "it is active" active "$(example_property ActiveState)"
    same "its status is shown" "Greeting with moin" "$(example_property StatusText)"
    matches "the socket has the backlog of its unit" " 4096 " "$(network ss -Hltn 'sport = :7000')"
    pid=$(example_property MainPID)
    eventually "it pings the watchdog" notified WATCHDOG=1

    echo servus | machine sh -c "cat >/etc/${example%.service}/greeting"
    expect "the reload succeeds" machine systemctl reload "$example"
    eventually "it says RELOADING=1" notified RELOADING=1
    eventually "the status is new" example_status_matches "^Greeting with servus$"
    expect "a client is greeted with the file of the ConfigurationDirectory=" "$@" servus
    machine sh -c "printf '\\377' >/etc/${example%.service}/greeting"
    machine systemctl reload "$example"
    eventually "a file that is not text fails the reload" example_status_matches "^Reload failed: "
    expect "and changes nothing" "$@" servus
    same "it is still the same process" "$pid" "$(example_property MainPID)"
    echo servus | machine sh -c "cat >/etc/${example%.service}/greeting"

    sleep 5 # longer than the period of the watchdog
    same "a healthy server is not restarted" "$pid" "$(example_property MainPID)"
    signal STOP "$pid"
    eventually "the watchdog ends it and it is started again" example_restarted
    refuse "by another process" [ "$(example_property MainPID)" = "$pid" ]
    expect "it answers on the same socket" "$@" servus

    machine systemctl stop "$example"
    expect "it says STOPPING=1" notified STOPPING=1
    same "its end is a success" success "$(example_property Result)"
    same "nothing went wrong" "" "$(example_journal --output cat --priority err _COMM="${example%.service}")"
    expect "a client starts it again" "$@" servus
}

fail() {
    echo "failed: $*"
    machine systemctl --no-pager --full status "$example" || true
    example_journal | tail -n 20
    exit 1
}
