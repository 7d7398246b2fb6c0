# The process has the sandbox of the unit, and serves in it: 2,000 clients, many resets at once.
. "$(dirname "$0")/../helpers.bash"

expect "the units verify" machine systemd-analyze verify --man=no reversed.service reversed.socket
exposure=$(machine systemd-analyze security --no-pager reversed.service | tail -n 1)
matches "exposure is 1.1 or less" "service: (0\.[0-9]|1\.[01]) " "$exposure"
start
pid=$(property MainPID)
status=$(machine cat "/proc/$pid/status")
matches "it can get no capability" "CapBnd:[[:space:]]0000000000000000" "$status"
matches "it has no capability" "CapEff:[[:space:]]0000000000000000" "$status"
matches "no new privileges" "NoNewPrivs:[[:space:]]1" "$status"
matches "system calls are filtered" "Seccomp:[[:space:]]2" "$status"
refuse "it is not root" [ "$(machine stat -c %u "/proc/$pid")" = 0 ]
for namespace in mnt user ipc uts; do
    refuse "it has a private $namespace namespace" \
        [ "$(machine readlink "/proc/$pid/ns/$namespace")" = "$(machine readlink "/proc/1/ns/$namespace")" ]
done
mounts=$(machine cat "/proc/$pid/mountinfo")
matches "the system is read-only" " / / ro" "$mounts"
matches "processes of other users are hidden" "hidepid=(invisible|2)" "$mounts"
same "it has no file open for writing, apart from sockets and the like" "" "$(machine sh -c "
    for each in /proc/$pid/fdinfo/*; do
        target=\$(readlink /proc/$pid/fd/\${each##*/})
        case \$target in socket:* | anon_inode:* | /dev/null) continue ;; esac
        grep -q 'flags:.*[12]\$' \$each && echo \$target
    done")"

begin hold 127.0.0.1:5000 2000
same "2,000 clients are served at once" "2000 held" "$said"
expect "500 more clients are served meanwhile" client load 127.0.0.1:5000 500 200
expect "4,000 clients reset their connections" client reset 127.0.0.1:5000 4000
expect "it answers afterwards" client ask 127.0.0.1:5000 storm
finish "all 2,000 were answered again"
eventually "every connection is gone" status_matches " 0 connections"
same "it is the same process" "$pid" "$(property MainPID)"
descriptors=$(machine sh -c "ls /proc/$pid/fd | wc -l")
[ "$descriptors" -lt 40 ] || fail "descriptors leak: $descriptors are open"
threads=$(machine awk '/^Threads/ { print $2 }' "/proc/$pid/status")
[ "$threads" -lt 200 ] || fail "$threads threads"
