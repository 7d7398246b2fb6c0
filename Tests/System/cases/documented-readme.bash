# README.md's commands, typed in its order on a fresh machine without the packages.
. "$(dirname "$0")/../helpers.bash"
needs_packages

machine apt-get -qq purge reversed reverse-client >/dev/null 2>&1
container push "$MACHINE" /root/.build "$PACKAGE" "$CLIENT_PACKAGE"

instead() {
    case $1 in
        make*) ;; # there is no checkout; the other tests cover these
        reverse-client) ;; # the prompt needs a terminal, Tests/Behaviour has one
        *) return 1 ;;
    esac
}
type_commands README.md
same "systemd holds the port" active "$(property ActiveState reversed.socket)"
same "the service runs" active "$(property ActiveState)"
expect "it answers" client ask 127.0.0.1:5000 documented
journal_matches "passed|handed" || fail "the service has systemd's socket"
