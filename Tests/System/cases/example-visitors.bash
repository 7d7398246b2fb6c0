# Examples/Sources/visitors keeps its count in the file descriptor store of systemd.
. "$(dirname "$0")/../helpers.bash"
. "$(dirname "$0")/../examples.bash"

install_example visitors <<'END'
FileDescriptorStoreMax=2
END
machine systemctl start visitors.socket
same "the first client" 1 "$(talk '')"
same "the second" 2 "$(talk '')"
machine systemctl restart visitors.service
same "a restart keeps the count" 3 "$(talk '')"
machine systemctl restart visitors.service
same "and another one" 4 "$(talk '')"
machine systemctl stop visitors.service
same "a stop empties the store" 1 "$(talk '')"
