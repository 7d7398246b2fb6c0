# lintian and mandoc find nothing in the packages, and the programs are hardened.
. "$(dirname "$0")/../helpers.bash"
needs_packages

# Debian 12's lintian misses a script for other init systems; Debian 13's does not know the tag any more.
same "lintian reports nothing, even with --pedantic" "" \
    "$(lintian --allow-root --fail-on none --pedantic --display-info "$PACKAGE" "$CLIENT_PACKAGE" 2>/dev/null |
        grep -v package-supports-alternative-init-but-no-init.d-script || true)"
files=$(mktemp -d)
trap 'rm -rf "$files"' EXIT
dpkg-deb --extract "$PACKAGE" "$files"
dpkg-deb --extract "$CLIENT_PACKAGE" "$files"
version=$(dpkg-deb --field "$PACKAGE" Version)
find "$files/usr/share/man" -name '*.gz' -exec gunzip {} +
same "mandoc reports nothing" "" "$(find "$files/usr/share/man" -type f -exec mandoc -Tlint -W warning {} + 2>&1)"
while read -r page; do
    matches "${page##*/} ends with version and date" "reversed $version .* 20[0-9][0-9] .*reversed $version" \
        "$(mandoc "$page" | tail -n 1)"
done < <(find "$files/usr/share/man" -type f)
for shell in bash zsh fish; do
    command -v "$shell" >/dev/null || continue
    find "$files/usr/share" -path "*$shell*" -type f -print0 | xargs -0 -n 1 "$shell" -n || fail "$shell completions"
done

for program in usr/sbin/reversed usr/bin/reverse-client; do
    program=$files/$program name=${program##*/}
    matches "$name can be loaded at any address" "DYN" "$(readelf --file-header "$program" | grep Type:)"
    matches "$name resolves every address at the start" "Flags:.* NOW.* PIE" "$(readelf --dynamic "$program")"
    segments=$(readelf --segments --wide "$program")
    matches "$name then makes them read-only" "GNU_RELRO" "$segments"
    matches "the stack of $name is not executable" "GNU_STACK +([^ ]+ +){5}RW " "$segments"
    refuse "no page of $name is writable and executable" grep -q ' RWE ' <<<"$segments"
    same "$name is linked with no unused library" "" "$(ldd --unused "$program")"
    libraries=$(readelf --dynamic "$program" | sed -n 's/.*NEEDED.*\[\(.*\)\.so.*/\1/p' | sort | tr '\n' ' ')
    case $name in
        reversed) same "its libraries" "ld-linux-x86-64 libc libgcc_s libm libstdc++ libsystemd " "$libraries" ;;
        *) same "its libraries" "ld-linux-x86-64 libc libgcc_s libm libstdc++ " "$libraries" ;;
    esac
done
# systemd of both releases parses the units without a message.
same "the units verify without a message" "" "$(machine systemd-analyze verify --man=no reversed.service reversed.socket 2>&1)"
