# Restarts under reversed.socket while clients connect and disconnect all the time: all are accepted and answered.
. "$(dirname "$0")/../helpers.bash"

machine systemctl enable --now --quiet reversed.socket
refuse "the socket alone starts nothing" machine systemctl --quiet is-active reversed.service
expect "the first client starts the service" client ask 127.0.0.1:5000 first
begin knock 127.0.0.1:5000 16
for round in $(seq 12); do
    sleep 0.3 # of load
    expect "restart $round succeeds" machine systemctl restart reversed
done
finish "a client was refused or not answered"
same "the socket unit is still active" active "$(property ActiveState reversed.socket)"
