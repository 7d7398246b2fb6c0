# A file with mistakes fails the start, names them all, and does not loop.
. "$(dirname "$0")/../helpers.bash"

settings <<'END'
hots = "127.0.0.1"
port = 70000
[limits]
max_connections = "many"
END
refuse "the start fails" machine systemctl start reversed 2>/dev/null
same "the exit code says why" 78 "$(property ExecMainStatus)"
journal_matches "hots" || fail "the journal names the unknown key"
journal_matches "70000" || fail "the journal names the number"
journal_matches "max_connections" || fail "the journal names the third mistake"
sleep 2 # more than RestartSec: a restart would have come
same "no restart loop" 0 "$(property NRestarts)"
same "the unit has failed" failed "$(property ActiveState)"
matches "--check says the same" "hots" "$(machine reversed --check 2>&1 || true)"
settings <<'END'
port = 6000
END
start
expect "it answers after the correction" client ask 127.0.0.1:6000 corrected
