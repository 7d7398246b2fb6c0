# shellcheck shell=bash disable=SC2154 # $here is that of `run`, which reads this file
# Runs the cases on the packages that are installed on this machine, and restores the machine before each.

# tidy: removes the units, settings and messages of a case.
tidy() {
    local unit
    systemctl disable --now --quiet reversed.socket reversed.service
    find /etc/systemd/system -newer "$saved/stamp" -type f -print -delete >"$saved/units"
    find /etc/systemd/system -mindepth 1 -type d -empty -delete
    while read -r unit; do systemctl stop --quiet "${unit##*/}" 2>/dev/null || true; done <"$saved/units"
    cp -p "$saved/reversed.toml" /etc/reversed/reversed.toml
    systemctl daemon-reload
    systemctl reset-failed
    journalctl --quiet --rotate
    journalctl --quiet --vacuum-time=1s
}

# try_installed CASE…
try_installed() {
    local name result passed=0 skipped=0 started
    # A booted machine has a fresh journal; here all cases together would exceed the rate limit of the service.
    local journal=/run/systemd/journald.conf.d/reversed-tests.conf
    saved=$(mktemp -d)
    mkdir -p "${journal%/*}"
    printf '[Journal]\nRateLimitIntervalSec=0\n' >"$journal"
    systemctl restart systemd-journald
    cp -p /etc/reversed/reversed.toml "$saved/"
    touch "$saved/stamp"
    for name; do
        started=$SECONDS result=0
        MACHINE=here RELEASE=$(sed -n 's/^VERSION_ID="\(.*\)"$/\1/p' /etc/os-release) \
            timeout 180 bash "$here/cases/$name.bash" >"$saved/log" 2>&1 || result=$?
        case $result in
            0) echo "ok - installed: $name # $((SECONDS - started)) s" && passed=$((passed + 1)) ;;
            77) echo "ok - installed: $name # SKIP $(tail -n 1 "$saved/log")" && skipped=$((skipped + 1)) ;;
            *)
                echo "not ok - installed: $name # $((SECONDS - started)) s"
                sed 's/^/    # /' "$saved/log"
                ;;
        esac
        tidy
    done
    rm -r "$saved" "$journal"
    systemctl restart systemd-journald
    echo "1..$#"
    echo "$passed passed, $(($# - passed - skipped)) failed, $skipped skipped"
    [ $((passed + skipped)) = $# ]
}
