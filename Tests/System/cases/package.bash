# Install, reinstall, remove and purge the packages; each step leaves the right files.
. "$(dirname "$0")/../helpers.bash"
needs_packages

leftovers() {
    machine find / -xdev \( -path /proc -o -path /sys -o -path /run/log -o -path /var/tmp -o -path /var/log -o -path /var/cache \) \
        -prune -o -name '*revers*' -print
}

# shellcheck disable=SC2153 # the runner sets them
for package in "$PACKAGE" "$CLIENT_PACKAGE"; do
    refuse "it needs no Swift" grep -qi swift <<<"$(dpkg-deb --field "$package" Depends)"
    installed=$(dpkg-deb --field "$package" Installed-Size)
    [ "$installed" -lt 18000 ] || fail "the installed size is $installed KiB"
done
conffiles=$(machine dpkg-query --show --showformat '${Conffiles}' reversed)
matches "the settings are a conffile" "/etc/reversed/reversed.toml" "$conffiles"
expect_files() {
    local package=$1 file
    shift
    for file; do
        expect "$file is installed" machine test -s "$file"
        matches "$package has $file" "^$package: " "$(machine dpkg-query --search "$file")"
    done
}
expect_files reversed /usr/sbin/reversed /usr/lib/systemd/system/reversed.service /usr/lib/systemd/system/reversed.socket \
    /usr/lib/sysusers.d/reversed.conf \
    /usr/lib/systemd/catalog/reversed.catalog /usr/share/bash-completion/completions/reversed \
    /usr/share/zsh/vendor-completions/_reversed /usr/share/fish/vendor_completions.d/reversed.fish \
    /usr/share/man/man8/reversed.8.gz /usr/share/man/man5/reversed.toml.5.gz \
    /usr/share/man/man7/reversed.journal-fields.7.gz /usr/share/doc/reversed/copyright \
    /usr/share/doc/reversed/README.md /usr/share/doc/reversed/CHANGELOG.md \
    /usr/share/doc/reversed/SECURITY.md /usr/share/doc/reversed/docs/metrics.md /usr/share/doc/reversed/docs/demo.svg \
    /usr/share/doc/reversed/monitoring/dashboard.json /usr/share/doc/reversed/examples/strict.conf \
    /usr/share/doc/reversed/examples/privileged-port.conf /usr/share/doc/reversed/examples/allow-networks.conf \
    /usr/share/doc/reversed/examples/socket-group.conf
expect_files reverse-client /usr/bin/reverse-client /usr/share/bash-completion/completions/reverse-client \
    /usr/share/zsh/vendor-completions/_reverse-client /usr/share/fish/vendor_completions.d/reverse-client.fish \
    /usr/share/man/man1/reverse-client.1.gz /usr/share/doc/reverse-client/copyright
version=$(dpkg-deb --field "$PACKAGE" Version)
same "the daemon is of the package's version" "$version" "$(machine reversed --version | sed -n '1s/.* //p')"
same "the client is of the package's version" "$version" "$(machine reverse-client --version | sed -n '1s/.* //p')"
matches "the catalog knows its messages" "reversed" "$(machine journalctl --list-catalog 2>/dev/null)"

# Either package works without the other.
start
machine apt-get -qq purge reverse-client >/dev/null 2>&1
expect "the daemon needs no client" client ask 127.0.0.1:5000 alone
container install "$MACHINE" "$CLIENT_PACKAGE" >/dev/null 2>&1
same "the client is back" olleh "$(machine reverse-client hello)"
machine systemctl stop reversed

# An upgrade restarts a running service, and keeps changed settings.
machine systemctl enable --now --quiet reversed.socket
expect "it answers" client ask 127.0.0.1:5000 hello
machine sh -c 'echo "# mine" >>/etc/reversed/reversed.toml'
pid=$(property MainPID)
begin knock 127.0.0.1:5000 1
container install "$MACHINE" "$PACKAGE" >/dev/null 2>&1
finish "a client was refused during the upgrade"
refuse "the upgrade restarts the service" [ "$(property MainPID)" = "$pid" ]
matches "changed settings stay" "# mine" "$(machine tail -n 1 /etc/reversed/reversed.toml)"
expect "what was enabled stays enabled" machine systemctl --quiet is-enabled reversed.socket

machine apt-get -qq remove reversed >/dev/null 2>&1
same "removal stops the service" inactive "$(property ActiveState)"
refuse "and the socket" client ask 127.0.0.1:5000 gone 2>/dev/null
matches "removal keeps changed settings" "# mine" "$(machine tail -n 1 /etc/reversed/reversed.toml)"
refuse "the program is gone" machine test -e /usr/sbin/reversed
expect "the client stays" machine reverse-client --version >/dev/null

container install "$MACHINE" "$PACKAGE" >/dev/null 2>&1
matches "installed again, the settings are still there" "# mine" "$(machine tail -n 1 /etc/reversed/reversed.toml)"
start
expect "it answers" client ask 127.0.0.1:5000 again
machine apt-get -qq purge reversed reverse-client >/dev/null 2>&1
same "purging leaves nothing" "" "$(leftovers)"
same "nothing of it runs" "" "$(machine pgrep reversed 2>/dev/null || true)"
refuse "the catalog does not have its messages any more" grep -q reversed <<<"$(machine journalctl --list-catalog 2>/dev/null)"
same "the machine has no failed units" running "$(machine systemctl is-system-running)"
