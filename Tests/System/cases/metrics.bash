# The sandbox of the unit allows the metrics: over HTTP, through a Unix socket, and in a file that node_exporter's user may read.
. "$(dirname "$0")/../helpers.bash"

page() {
    network python3 -c '
import sys, urllib.request
print(urllib.request.urlopen("http://127.0.0.1:9150" + sys.argv[1], timeout=5).read().decode())' "$1"
}

settings <<'END'
[metrics]
listen = "127.0.0.1:9150"
file = "/run/reversed/reversed.prom"
interval = "1s"
END
start
text=$(page /healthz)
same "/healthz answers ok" "ok" "${text%%$'\n'*}"
expect "it answers" client ask 127.0.0.1:5000 hello
text=$(page /metrics)
matches "the line is counted" 'reversed_lines_total\{path="ascii"\} [1-9]' "$text"
matches "the figures of the process are there" 'process_start_time_seconds 1[0-9]{9}' "$text"
matches "its memory too" 'process_resident_memory_bytes [1-9]' "$text"
matches "its descriptors too" 'process_open_fds [1-9]' "$text"
eventually "the file is updated, readable by all users" \
    machine runuser -u nobody -- grep -q 'reversed_lines_total{path="ascii"} [1-9]' /run/reversed/reversed.prom

settings <<'END'
[metrics]
listen = "/run/reversed/metrics.sock"
END
expect "a reload moves them" machine systemctl reload reversed
refuse "the port is closed" page /healthz 2>/dev/null
refuse "the file is gone" machine test -e /run/reversed/reversed.prom
same "the socket is its owner's and its group's" 660 "$(machine stat -c %a /run/reversed/metrics.sock)"
settings <<'END'
[metrics]
file = "/var/lib/reversed.prom"
END
# The check of the file passes, so systemctl does not fail; the daemon's journal and status do.
machine systemctl reload reversed
eventually "a path that the sandbox forbids fails the reload, and the journal names the key" \
    journal_matches 'metrics.file = /var/lib/reversed.prom: cannot create'
eventually "the status, too" status_matches 'the last reload failed: metrics.file'
matches "the socket is still there" "socket" "$(machine stat -c %F /run/reversed/metrics.sock)"
