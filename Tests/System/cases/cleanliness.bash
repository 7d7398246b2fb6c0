# lintian and mandoc have nothing to say of the package.
. "$(dirname "$0")/../helpers.bash"

same "lintian is silent" "" "$(lintian --allow-root --fail-on none "$PACKAGE" 2>/dev/null | grep -E '^[EW]:' || true)"
pages=$(mktemp -d)
trap 'rm -rf "$pages"' EXIT
dpkg-deb --extract "$PACKAGE" "$pages"
find "$pages/usr/share/man" -name '*.gz' -exec gunzip {} +
same "mandoc is silent" "" "$(find "$pages/usr/share/man" -type f -exec mandoc -Tlint -W warning {} + 2>&1)"
for shell in bash zsh fish; do
    command -v "$shell" >/dev/null || continue
    find "$pages/usr/share" -path "*$shell*" -type f -print0 | xargs -0 -n 1 "$shell" -n || fail "$shell completions"
done
# Both Debians parse the units without a word.
same "the units verify silently" "" "$(machine systemd-analyze verify --man=no reversed.service reversed.socket 2>&1)"
