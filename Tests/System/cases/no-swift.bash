# The programs run on a machine without Swift.
. "$(dirname "$0")/../helpers.bash"

# A machine booted by the tests has only the packages.
[ "$MACHINE" = here ] ||
    same "there is no Swift" "" "$(machine find / -xdev -path /usr/share/zoneinfo -prune -o -iname '*swift*' -print)"
for program in /usr/sbin/reversed /usr/bin/reverse-client; do
    libraries=$(machine /lib64/ld-linux-x86-64.so.2 --list "$program" 2>/dev/null || machine ldd "$program")
    refuse "$program finds all its libraries" grep -q "not found" <<<"$libraries"
    refuse "$program needs no Swift library" grep -qiE 'swift|Foundation|dispatch' <<<"$libraries"
done
start
same "the client talks to the daemon" ECNAVDA "$(machine reverse-client ADVANCE)"
same "letters stay whole" "🇫🇷é" "$(machine reverse-client é🇫🇷)"
same "a pipe works" "$(seq 1000 | rev | sha256sum)" "$(seq 1000 | machine reverse-client | sha256sum)"
