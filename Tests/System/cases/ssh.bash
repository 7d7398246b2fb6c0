# The SSH commands of SECURITY.md, by two accounts of this machine: one may use the service's socket, the other may not.
. "$(dirname "$0")/../helpers.bash"

machine sh -c '
    set -e
    echo "127.0.0.1 server.example" >>/etc/hosts
    groupadd --system reversed-clients
    useradd --create-home --shell /bin/sh --groups reversed-clients member
    useradd --create-home --shell /bin/sh stranger
    for user in member stranger; do
        runuser -u $user -- sh -c "
            cd && mkdir -m 700 .ssh
            ssh-keygen -q -t ed25519 -N \"\" -f .ssh/id_ed25519
            cp .ssh/id_ed25519.pub .ssh/authorized_keys
            echo StrictHostKeyChecking accept-new >.ssh/config"
    done
    systemctl start ssh'
example_for_socket() {
    machine install -D -m 0644 -t /etc/systemd/system/reversed.socket.d "/usr/share/doc/reversed/examples/$1"
    machine systemctl daemon-reload
}
example_for_socket socket-group.conf
machine systemctl start reversed.socket

forward=$(code_block SECURITY.md sh 1 | sed -n 1p)
ask=$(code_block SECURITY.md sh 1 | sed -n 2p)
as() { machine runuser -u "$1" -- sh -c "cd && mkdir -p run && export XDG_RUNTIME_DIR=\$PWD/run && $2"; }

as member "$forward" </dev/null
same "a member of the group is served through SSH" olleh "$(as member "$ask")"
same "so are many lines" 0000001 "$(as member 'seq 1 1000000 | reverse-client -U "$XDG_RUNTIME_DIR/reversed.sock" | tail -n 1')"
as stranger "$forward" </dev/null
refuse "a user outside the group gets no answer" as stranger "$ask"
same "the member is still served" olleh "$(as member "$ask")"
