# kill -9 several times: systemd restarts the service each time.
. "$(dirname "$0")/../helpers.bash"

start
for round in 1 2 3 4 5 6; do
    signal KILL "$(property MainPID)"
    restarted() { is NRestarts "$round" && is ActiveState active; }
    eventually "restart $round comes" restarted
    expect "it answers after restart $round" client ask 127.0.0.1:5000 "again $round"
done
