# `reversed --check` knows what the service may do, drop-ins included, and warns of what will fail when it starts.
. "$(dirname "$0")/../helpers.bash"

file=/etc/reversed/reversed.toml
# shellcheck disable=SC2069 # only the warnings, which go to standard error
warnings() { machine reversed --check 2>&1 >/dev/null; }
warns_of() { matches "$1" "^warning: $2[^"$'\n'"]*$" "$(warnings)"; refuse "and --strict refuses it" machine reversed --check --strict >/dev/null 2>&1; }
is_silent() { same "$1" "" "$(warnings)"; expect "and --strict accepts it" machine reversed --check --strict >/dev/null; }

matches "it names the file" "^$file: ok" "$(machine reversed --check)"
is_silent "the shipped file has no mistakes"
machine mv $file /root/
matches "it says that there is no file" "^there is no $file: the defaults are ok" "$(machine reversed --check)"
machine mv /root/reversed.toml $file

echo 'port = 80' | settings
warns_of "a port below 1024" "127.0.0.1:80: reversed.service may not listen on a port below 1024"
refuse "the start fails, as the warning says" machine systemctl start reversed 2>/dev/null
matches "the journal names the drop-in" "/usr/share/doc/reversed/examples/privileged-port.conf" "$(journal)"
example privileged-port.conf
is_silent "there is no warning with the drop-in"
start
machine systemctl stop reversed
machine rm -r /etc/systemd/system/reversed.service.d
machine systemctl daemon-reload

printf '[[listener]]\npath = "/tmp/reversed.sock"\n' | settings
warns_of "a path that PrivateTmp= hides" "/tmp/reversed.sock: the service has a private /tmp .PrivateTmp=.*/run/reversed"
start
matches "the journal warns of it" "/tmp/reversed.sock: the service has a private /tmp" "$(journal --priority warning)"
machine systemctl stop reversed
printf '[[listener]]\npath = "/srv/missing/reversed.sock"\n' | settings
warns_of "a missing directory" "/srv/missing/reversed.sock: the directory /srv/missing does not exist; .*/run/reversed"
refuse "the start fails, as the warning says" machine systemctl start reversed 2>/dev/null
matches "the journal names the right directory" "the service's own directory is /run/reversed" "$(journal)"
printf '[[listener]]\npath = "/srv/reversed.sock"\n' | settings
warns_of "a directory that is read-only for the service" "/srv/reversed.sock: reversed.service may not write to /srv"
printf '[[listener]]\npath = "/run/reversed/reversed.sock"\n' | settings
is_silent "there is no warning about the service's own directory, which systemd creates at the start"
start
is_silent "there is no warning while it runs"

printf 'host = "nowhere.invalid"\n' | settings
warns_of "a host that does not resolve" "nowhere.invalid:5000: cannot find the host"
printf 'host = "192.0.2.1"\n' | settings
warns_of "an address of another machine" "192.0.2.1:5000: this machine has no such address"
printf '[limits]\nmax_connections = 600000\n' | settings
warns_of "more clients than files" "limits.max_connections is 600000, but reversed.service may have 524288 files open"
drop_in reversed.service <<'END2'
[Service]
LimitNOFILE=700000
END2
is_silent "there is no warning with a higher limit"

# With systemd's sockets the file's addresses do not matter.
echo 'port = 80' | settings
machine systemctl stop reversed
machine systemctl start reversed.socket
is_silent "there is no warning about a port that is not used"
matches "it says that the socket unit listens" "reversed.socket is active" "$(machine reversed --check)"
