# The stunnel configurations of SECURITY.md: TLS with client certificates, both ends on one machine.
. "$(dirname "$0")/../helpers.bash"

machine sh -c '
    set -e
    cd /etc/stunnel
    echo "127.0.0.1 server.example" >>/etc/hosts
    for authority in ca other; do
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$authority" \
            -keyout $authority.key -out $authority.pem
    done
    certificate() { # NAME AUTHORITY SUBJECT
        openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$3" -keyout $1.key -out $1.csr
        printf "subjectAltName=DNS:%s\n" "$3" >$1.ext
        openssl x509 -req -in $1.csr -CA $2.pem -CAkey $2.key -CAcreateserial -days 2 -extfile $1.ext -out $1.pem
    }
    certificate server ca server.example
    certificate client ca client.example
    certificate stranger other client.example
' 2>/dev/null

# forward NAME PORT: stunnel as a service, with the configuration on standard input; it accepts on that port.
forward() {
    machine sh -c "sed 's/^accept = 127.*/accept = 127.0.0.1:$2/' >/etc/stunnel/$1.conf"
    machine systemctl enable --now --quiet "stunnel@$1"
    eventually "stunnel listens on $2" machine nc -z 127.0.0.1 "$2"
}

start
forward reversed 5443 < <(code_block SECURITY.md ini 1)
client_configuration=$(code_block SECURITY.md ini 2)
forward client 5901 <<<"$client_configuration"
same "a client with a certificate is served" olleh "$(machine reverse-client -p 5901 hello)"
same "a million lines go through" "0000001" "$(machine sh -c 'seq 1 1000000 | reverse-client -p 5901 | tail -n 1')"
same "ping works" "4" "$(machine sh -c 'reverse-client -p 5901 --ping --interval 1ms | grep -c seq=')"

forward without 5902 < <(grep -v '^cert\|^key' <<<"$client_configuration")
refuse "a client without a certificate is not served" machine reverse-client -p 5902 --timeout 5s hello
forward stranger 5903 < <(sed 's/client\.\(pem\|key\)/stranger.\1/' <<<"$client_configuration")
refuse "a client with a foreign certificate is refused" machine reverse-client -p 5903 --timeout 5s hello
forward another 5904 < <(sed 's/^checkHost = .*/checkHost = another.example/' <<<"$client_configuration")
refuse "and no client trusts a server of another name" machine reverse-client -p 5904 --timeout 5s hello
same "a client with a certificate is still served" olleh "$(machine reverse-client -p 5901 hello)"
matches "what is on the wire is TLS" "TLSv1\.[23]" "$(machine sh -c 'openssl s_client -connect 127.0.0.1:5443 \
    -cert /etc/stunnel/client.pem -key /etc/stunnel/client.key -CAfile /etc/stunnel/ca.pem -brief </dev/null 2>&1')"
