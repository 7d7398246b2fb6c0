# `make install` for systems without apt: the programs under /usr/local start and stop, and `make uninstall` removes them.
. "$(dirname "$0")/../helpers.bash"
needs_packages

machine apt-get -qq purge reversed reverse-client >/dev/null 2>&1
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
# The programs of the packages, wherever they were built.
programs=$root/programs
mkdir "$programs"
dpkg-deb --fsys-tarfile "$PACKAGE" | tar -xO ./usr/sbin/reversed >"$programs/reversed"
dpkg-deb --fsys-tarfile "$CLIENT_PACKAGE" | tar -xO ./usr/bin/reverse-client >"$programs/reverse-client"
chmod +x "$programs"/*
project=$here/../..
make --silent -C "$project" install BUILT="$programs" DESTDIR="$root/stage"
listing=$(cd "$root/stage" && find . -type f | sort)
tar -c -C "$root/stage" . | machine tar -x --no-same-owner -C /
machine systemctl daemon-reload
machine journalctl --update-catalog
expect "the units verify" machine systemd-analyze verify --man=no reversed.service reversed.socket
start
same "it is the installed program" /usr/local/sbin/reversed "$(machine readlink "/proc/$(property MainPID)/exe")"
same "the client talks to it" olleh "$(machine reverse-client hello)"
expect "a reload succeeds" machine systemctl reload reversed
matches "the catalog knows its messages" "reversed" "$(machine journalctl --list-catalog 2>/dev/null)"
machine systemctl stop reversed

make --silent -C "$project" uninstall DESTDIR="$root/stage"
same "uninstall leaves nothing" "" "$(find "$root/stage" -type f; find "$root/stage" -name '*reversed*')"
refuse "there was something to remove" [ -z "$listing" ]
make --silent -C "$project" install BUILT="$programs" DESTDIR="$root/stage" parts=client
same "the client alone is its program, its page and its completions" "./usr/local/bin/reverse-client \
./usr/local/share/bash-completion/completions/reverse-client ./usr/local/share/fish/vendor_completions.d/reverse-client.fish \
./usr/local/share/man/man1/reverse-client.1 ./usr/local/share/zsh/site-functions/_reverse-client" \
    "$(cd "$root/stage" && find . -type f | sort | tr '\n' ' ' | sed 's/ $//')"
