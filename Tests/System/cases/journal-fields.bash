# The journal can be searched by client, listener and connection, and explains the messages.
. "$(dirname "$0")/../helpers.bash"

start
expect "a client connects and disconnects" client ask 127.0.0.1:5000 one two "three 3"
disconnected() { machine journalctl --sync; machine journalctl -q -o cat --no-pager -u reversed LINES=3 | grep -q disconnected; }
eventually "the message about its end is found by LINES=" disconnected
entry=$(machine journalctl -q -o export --no-pager -u reversed LINES=3 | tr -d '\0')
for field in "PRIORITY=6" "SYSLOG_IDENTIFIER=reversed" "CLIENT=127.0.0.1:" "CONNECTION=" "LISTENER=127.0.0.1:5000" \
    "LINES=3" "BYTES=16" "DURATION="; do
    matches "field $field" $'(^|\n)'"$field" "$entry"
done
address=$(sed -n 's/^CLIENT=//p' <<<"$entry")
same "both messages about the client are found" 2 \
    "$(machine journalctl -q -o cat --no-pager -u reversed CLIENT="$address" | wc -l)"
matches "the start is explained" "Every listener is open" \
    "$(machine journalctl -x --no-pager MESSAGE_ID=0632ffed42d84c039aac3ed501a17aad)"
printf 'port = 5000\n[limits]\nmax_connections = 2\n' | settings
machine systemctl reload reversed
matches "the reload has its id" "reload" \
    "$(machine journalctl --sync; machine journalctl -o cat --no-pager MESSAGE_ID=c1daa6393ce5432c9d6ef607b16e80e9)"
begin hold 127.0.0.1:5000 2
client ask 127.0.0.1:5000 waiting &
waiting=$!
capped() { machine journalctl --sync; [ -n "$(machine journalctl -q -o cat --no-pager MESSAGE_ID=664de7b79998402bbcc6d5db18ecef6b)" ]; }
eventually "the limit is logged" capped
finish "they were answered again"
expect "the client that waited is answered when a slot is free" wait "$waiting"
same "nothing that went well is logged as an error" "" "$(journal --priority err)"
machine journalctl --sync
undocumented=$(machine journalctl -q -o json --no-pager -u reversed _COMM=reversed | python3 -c '
import json, re, sys
manual = open(sys.argv[1]).read()
documented = {name for tag in re.findall(r"^\.It Va (.*)$", manual, re.M) for name in tag.split(" , ")}
entries = [json.loads(line) for line in sys.stdin]
assert len(entries) > 5, entries
found = {name for entry in entries for name in entry if not name.startswith("_")}
print(*sorted(found - documented - {"MESSAGE", "SYSLOG_IDENTIFIER", "INVOCATION_ID", "UNIT"}))
' "$here/../../man/reversed.journal-fields.7")
same "every field is in reversed.journal-fields(7)" "" "$undocumented"
