# Restarts, an upgrade and a downgrade with clients of every kind: no close, no wrong byte, no refused connect.
# LONG=yes (make soak): 1,000 talking clients and 20 restarts.
. "$(dirname "$0")/../helpers.bash"
. "$(dirname "$0")/../live.bash"

rounds=4 talking=200 half=100 deaf=20 silent=200
if [ -n "${LONG:-}" ]; then rounds=20 talking=1000 half=500 deaf=100 silent=1000; fi

live_settings
start
begin_knocking
begin_steady "$talking" "$half" "$deaf" "$silent"
all=$((talking + half + deaf + silent))
same "all clients are connected" "$all connected" "$steady_said"
pid=$(property MainPID)
mark >/dev/null
sleep 0.5
# What the clients themselves and everything else on the machine add to each wait.
echo "# without a restart, for half a second, ms (median, p99, max): $(mark)"
for ((round = 1; round <= rounds; round++)); do
    expect "restart $round" machine systemctl restart reversed.service
    refuse "it is another process" [ "$pid" = "$(property MainPID)" ]
    pid=$(property MainPID)
    sleep 0.5
    echo "# restart $round, longest wait for an answer, ms (median, p99, max): $(mark)"
done
if [ "$MACHINE" != here ]; then
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    newer=$(repacked "$folder" 99.0)
    expect "the upgrade" container install "$MACHINE" "$newer" >/dev/null 2>&1
    refuse "the upgrade restarts it" [ "$pid" = "$(property MainPID)" ]
    pid=$(property MainPID)
    echo "# upgrade: $(mark)"
    expect "the downgrade" container install "$MACHINE" "$PACKAGE" >/dev/null 2>&1
    refuse "the downgrade restarts it" [ "$pid" = "$(property MainPID)" ]
    echo "# downgrade: $(mark)"
    rounds=$((rounds + 2))
fi
finish_steady "the clients that stayed"
finish "a client was refused or answered wrongly"
log=$(journal)
same "each process took over what the one before handed over" "$rounds" "$(grep -c 'took over [0-9]* connections in [0-9]* ms' <<<"$log")"
same "nothing was lost" "" "$(grep -E 'could not be|does not keep' <<<"$log" || true)"
same "no connection that stays is reported" 0 "$(grep -c 'disconnected.*could not be taken over' <<<"$log" || true)"
matches "systemd keeps the listeners and nothing else" '^[0-9]+$' "$(property NFileDescriptorStore)"
same "systemd keeps the listeners and nothing else" 5 "$(property NFileDescriptorStore)"
grep 'took over' <<<"$log" | sed 's/^/# /'
machine journalctl --sync
[ -n "$(machine journalctl --quiet --output cat MESSAGE_ID=3f9d6e58c0a14b7f9be2517c64d0a8e2)" ] || fail "the message has its id"
