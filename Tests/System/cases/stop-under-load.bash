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
    finish "round $round: every answer was whole and right"
    same "it stopped as asked" success "$(property Result)"
    same "nothing listens" inactive "$(property ActiveState)"
done
# What had arrived is answered, also when nobody reads yet.
start
expect "a pipelined block is answered in full" client load 127.0.0.1:5000 50 1000
machine systemctl stop reversed
machine journalctl --sync
matches "the stop has its message id" "stopping" "$(machine journalctl -o cat --no-pager \
    MESSAGE_ID=712a1c5aab154f0b980bf84606f34217)"
