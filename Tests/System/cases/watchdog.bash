# The watchdog kills a hung daemon, and systemd restarts it; clients reconnect.
. "$(dirname "$0")/../helpers.bash"

drop_in reversed.service <<'END'
[Service]
WatchdogSec=2s
END
start
pid=$(property MainPID)
sleep 5 # longer than the period of the watchdog: it does not kill a healthy daemon
same "a healthy daemon is not restarted" "$pid" "$(property MainPID)"
lines=$(seq 200000)
printf '%s\n' "$lines" | machine reverse-client --retry-for 30s >"/tmp/$MACHINE.answers" &
reader=$!
signal STOP "$pid"
restarted() { is NRestarts 1 && is ActiveState active; }
eventually "it is started again" restarted
refuse "by another process" [ "$(property MainPID)" = "$pid" ]
expect "it answers" client ask 127.0.0.1:5000 back
expect "a client that was connected reconnects" wait "$reader"
same "it has every answer" "$(rev <<<"$lines" | sha256sum)" "$(sha256sum <"/tmp/$MACHINE.answers")"
rm "/tmp/$MACHINE.answers"
journal_matches "[Ww]atchdog" || fail "the journal names the watchdog"
