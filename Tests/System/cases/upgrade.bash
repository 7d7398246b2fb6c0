# An upgrade from 1.0.0, which had daemon and client in one package, and a downgrade: the service keeps answering.
. "$(dirname "$0")/../helpers.bash"
needs_packages

# old_package FOLDER: a package with the files of 1.0.0, if --previous names no real one.
old_package() {
    local root=$1/root
    dpkg-deb --raw-extract "$PACKAGE" "$root"
    rm -r "$root/usr/share/doc/reversed/CHANGELOG.md" "$root/usr/share/doc/reversed/NEWS.Debian.gz" "$root/usr/share/lintian"
    mkdir -p "$root/usr/bin"
    dpkg-deb --fsys-tarfile "$CLIENT_PACKAGE" | tar -x -C "$root" --exclude ./usr/share/doc --exclude ./usr/share/lintian
    sed -i -e 's/^Version: .*/Version: 1.0.0/' -e '/^Recommends: /d' "$root/DEBIAN/control"
    (cd "$root" && find usr -type f -exec md5sum {} + >DEBIAN/md5sums)
    dpkg-deb --root-owner-group -Znone --build "$root" "$1/reversed_1.0.0.deb" >/dev/null
    echo "$1/reversed_1.0.0.deb"
}

install_both() { container install "$MACHINE" "$PACKAGE" "$CLIENT_PACKAGE" >/dev/null 2>&1; }
installed() { machine dpkg-query --show --showformat '${db:Status-Status} ${Version}' "$1" 2>/dev/null; }

old=${PREVIOUS:-}
if [ -z "$old" ]; then
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    old=$(old_package "$folder")
fi
version=$(dpkg-deb --field "$PACKAGE" Version)
old_version=$(dpkg-deb --field "$old" Version)

machine apt-get -qq purge reversed reverse-client >/dev/null 2>&1
expect "the old package installs" container install "$MACHINE" "$old" >/dev/null 2>&1
machine systemctl enable --now --quiet reversed.socket
same "the old client talks to the old daemon" olleh "$(machine reverse-client hello)"
machine sh -c 'sed -i "s/^idle_timeout = .*/idle_timeout = \"3min\"/" /etc/reversed/reversed.toml'

begin knock 127.0.0.1:5000 4
expect "the upgrade succeeds" install_both
same "the daemon is the new one" "installed $version" "$(installed reversed)"
same "the client is the new one" "installed $version" "$(installed reverse-client)"
expect "the downgrade succeeds" container install "$MACHINE" "$old" >/dev/null 2>&1
same "the daemon is the old one" "installed $old_version" "$(installed reversed)"
refuse "the client's own package is gone" grep -q '^installed' <<<"$(installed reverse-client)"
same "the old client is back" olleh "$(machine reverse-client hello)"
expect "the second upgrade succeeds" install_both
finish "a client was refused meanwhile"

same "the new client talks to the new daemon" olleh "$(machine reverse-client hello)"
expect "the program of the daemon is a file again" machine test -f /usr/sbin/reversed
refuse "the client is no link to it" machine test -L /usr/bin/reverse-client
matches "the changed settings are kept" 'idle_timeout = "3min"' "$(machine cat /etc/reversed/reversed.toml)"
expect "what was enabled stays enabled" machine systemctl --quiet is-enabled reversed.socket
same "the machine has no failed units" running "$(machine systemctl is-system-running)"

# Only the package of the daemon, as a user may type it: the daemon works, the client is removed, as NEWS.Debian says.
machine apt-get -qq purge reverse-client reversed >/dev/null 2>&1
container install "$MACHINE" "$old" >/dev/null 2>&1
expect "the upgrade of the daemon alone succeeds" container install "$MACHINE" "$PACKAGE" >/dev/null 2>&1
start
expect "it answers" client ask 127.0.0.1:5000 alone
