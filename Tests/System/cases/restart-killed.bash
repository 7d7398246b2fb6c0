# kill -9 at random moments: all answers are correct, and no connect is refused. Connections of the killed process end.
# LONG=yes (make soak): 20 times.
. "$(dirname "$0")/../helpers.bash"
. "$(dirname "$0")/../live.bash"

rounds=4
if [ -n "${LONG:-}" ]; then rounds=20; fi
live_settings
start
begin callers 8 "${reconnecting[@]}"
for ((round = 1; round <= rounds; round++)); do
    sleep "0.$((RANDOM % 9 + 1))"
    signal KILL "$(property MainPID)"
    restarted() { is NRestarts "$round" && is ActiveState active; }
    eventually "restart $round comes" restarted
done
expect "a restart after all of that" machine systemctl restart reversed.service
finish "a connect was refused, or an answer was wrong"
