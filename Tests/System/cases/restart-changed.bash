# The next process has other settings, other limits, or finds a foreign descriptor in the store; reloads come before and during.
. "$(dirname "$0")/../helpers.bash"
. "$(dirname "$0")/../live.bash"

live_settings
start
begin_steady 50 20 5 50
same "all clients are connected" "125 connected" "$steady_said"
machine systemctl reload reversed.service
expect "a restart after a reload" machine systemctl restart reversed.service
# A reload and a restart at once: one of them wins, no connection is lost.
machine sh -c 'kill -HUP "$(systemctl show --value --property MainPID reversed.service)"; systemctl restart reversed.service'
machine systemctl reload reversed.service

# One listener is removed, and max_connections is lower than the number of clients.
machine sh -c 'sed -i -e "s/^port = 5001/port = 5009/" -e "s/^max_connections.*/max_connections = 60/" /etc/reversed/reversed.toml'
expect "a restart with other settings" machine systemctl restart reversed.service
refuse "the old listener is gone" client ask 127.0.0.1:5001 gone 2>/dev/null
finish_steady "the clients that stayed, with fewer slots and without their listener"

# A foreign descriptor in the store: another process of the service put it there.
live_settings
drop_in reversed.service <<'END'
[Service]
NotifyAccess=all
END
machine systemctl restart reversed.service
begin_steady 20 10 0 20
# The machine has no Python: its own systemd-notify (254 and later) puts the descriptor there, from a process of the service.
if [ "$RELEASE" != 12 ]; then
    drop_in reversed.service <<'END'
[Service]
NotifyAccess=all
ExecReload=
ExecReload=/bin/sh -c 'systemd-notify --fd=9 --fdname=connections 9</etc/hostname; systemd-notify --fd=9 --fdname=foreign 9</etc/hosts'
END
    machine systemctl reload reversed.service
    expect "a restart with foreign descriptors" machine systemctl restart reversed.service
    journal_matches "foreign.*closed" || fail "the foreign descriptor is reported"
    journal_matches "not a hand-over and is closed" || fail "the foreign descriptor with the daemon's own name is reported"
    same "the store has only the listeners" 5 "$(property NFileDescriptorStore)"
fi
finish_steady "the clients that stayed, with a foreign descriptor in the store"

# Fewer descriptors than connections: those that fit continue, and the others are counted.
begin hold 127.0.0.1:5000 400
drop_in reversed.service <<'END'
[Service]
LimitNOFILE=256:256
END
machine systemctl restart reversed.service
journal_matches "took over [0-9]+ connections" || fail "some connections continue"
journal_matches "[0-9]+ of 400 connections could not be taken over" || fail "the others are counted"
(finish "the remaining clients") >/dev/null 2>&1 || true

# A unit that stores no descriptors, like that of an older release: the process drains its connections.
drop_in reversed.service <<'END'
[Service]
FileDescriptorStoreMax=0
END
begin post 127.0.0.1:5000 20 50
machine systemctl restart reversed.service
finish "every line that had arrived was answered without a store"
journal_matches "does not store the connections" || fail "the journal says why"

# A stop is not a restart: the clients get an end of file, and the store is empty.
drop_in reversed.service <<<""
machine systemctl restart reversed.service
begin post 127.0.0.1:5000 20 50
expect "the stop" machine systemctl stop reversed.service
finish "every line that had arrived was answered"
journal_matches "stopping, [0-9]+ connections to answer" || fail "a stop drains"
refuse "no process listens" client ask 127.0.0.1:5000 nobody 2>/dev/null

# With hand_over = false, a restart is a stop and a start.
machine sh -c 'printf "[restart]\nhand_over = false\n" >>/etc/reversed/reversed.toml'
start
same "nothing is stored" 0 "$(property NFileDescriptorStore)"
