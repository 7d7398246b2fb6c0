# A reload with a good file: the new port answers when `systemctl reload` returns, old connections stay open.
. "$(dirname "$0")/../helpers.bash"

start
pid=$(property MainPID)
begin hold 127.0.0.1:5000 5
same "clients are held" "5 held" "$said"
settings <<'END'
[[listener]]
port = 6000
host = "127.0.0.1"
[[listener]]
host = "::1"
port = 6000
[[listener]]
path = "/run/reversed/r.sock"
END
expect "the reload succeeds" machine systemctl reload reversed
same "the service is active" active "$(property ActiveState)"
expect "the new port answers" client ask 127.0.0.1:6000 new
expect "IPv6 answers" client ask "[::1]:6000" new
expect "the Unix socket answers, for any user" machine setpriv --reuid nobody --clear-groups \
    reverse-client -U /run/reversed/r.sock unix
refuse "the old port is closed" client ask 127.0.0.1:5000 old 2>/dev/null
finish "old connections continue"
matches "the status has the new addresses" "6000" "$(property StatusText)"
same "it is the same process" "$pid" "$(property MainPID)"
for round in 1 2 3 4 5 6 7 8; do
    port=$((7000 + round))
    echo "port = $port" | settings
    expect "reload $round succeeds" machine systemctl reload reversed
    expect "port $port answers at once" client ask 127.0.0.1:$port "round $round"
done
same "still the same process" "$pid" "$(property MainPID)"
