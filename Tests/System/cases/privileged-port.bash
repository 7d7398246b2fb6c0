# A port below 1024: refused with a reason by default, allowed with one drop-in.
. "$(dirname "$0")/../helpers.bash"

echo 'port = 80' | settings
refuse "the start fails without the drop-in" machine systemctl start reversed 2>/dev/null
journal_matches "1024" || fail "the journal says why"
same "the exit code says why" 69 "$(property ExecMainStatus)"
example privileged-port.conf
start
expect "the service answers with the drop-in" client ask 127.0.0.1:80 privileged
capabilities=$(machine awk '/^CapEff/ { print $2 }' "/proc/$(property MainPID)/status")
same "it has that capability and no other" 0000000000000400 "$capabilities"
