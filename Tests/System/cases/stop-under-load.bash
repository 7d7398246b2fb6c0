# A stop under load: no wrong answer, no half answer, no connection reset, well within drain_timeout.
. "$(dirname "$0")/../helpers.bash"

for round in 1 2 3; do
    start
    begin flood 127.0.0.1:5000 20
    sleep 1 # of load
    started=$(date +%s%N)
    expect "the stop succeeds" machine systemctl stop reversed
    took=$((($(date +%s%N) - started) / 1000000))
    [ $took -lt 5000 ] || fail "round $round: the stop took $took ms"
    finish "round $round: every answer was complete and correct"
    same "the stop was a success" success "$(property Result)"
    same "nothing listens" inactive "$(property ActiveState)"
done
# Lines that have arrived are answered in full, even if the client reads slowly: 300 KB of answers each.
start
begin post 127.0.0.1:5000 40 12000
same "the lines are sent" "40 posted" "$said"
machine systemctl stop reversed &
stopping=$!
eventually "the service drains" status_matches "Stopping"
finish "every line that had arrived is answered"
expect "the stop succeeds" wait "$stopping"
machine journalctl --sync
matches "the stop has its message id" "stopping" "$(machine journalctl -o cat --no-pager \
    MESSAGE_ID=712a1c5aab154f0b980bf84606f34217)"
