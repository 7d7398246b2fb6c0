"""The PROXY protocol as a real HAProxy speaks it."""

import ssl
import socket
import subprocess
import threading

import pytest

from clients import ask, connect, receive, receive_to_end
from haproxy import REVERSING_CHECK, REVERSING_CHECKS, balance  # noqa: F401 (a fixture)

CONFIG = "port = 0\nproxy_protocol = true\ntrusted = ['127.0.0.0/8']\n"
FRONT = """frontend front
    bind 127.0.0.1:{front}
    default_backend back
backend back
    server one 127.0.0.1:{daemon} """


@pytest.mark.parametrize("how", [
    "send-proxy", "send-proxy-v2", "send-proxy-v2 proxy-v2-options crc32c", "send-proxy-v2 proxy-v2-options unique-id,authority,crc32c",
    "send-proxy-v2-ssl", "send-proxy-v2-ssl-cn",
])
def test_each_way_to_send_it(serve, balance, how):
    daemon = serve(CONFIG)
    proxy = balance(FRONT + how + "\n", daemon=daemon.port)
    lines = b"".join(b"%d\n" % number for number in range(1, 50_000))
    with connect(proxy.port) as client:
        assert ask(client, b"ADVANCE\n") == b"ECNAVDA\n"
        sender = threading.Thread(target=client.sendall, args=(lines,))
        sender.start()
        assert receive(client, len(lines)) == b"".join(line[::-1] + b"\n" for line in lines.split())
        sender.join()
        port = client.getsockname()[1]
        client.shutdown(socket.SHUT_WR)
        assert receive_to_end(client) == b""
    daemon.wait_for_log(rf" connected 127\.0\.0\.1:{port} through 127\.0\.0\.1:\d+$")
    daemon.wait_for_log(rf"disconnected 127\.0\.0\.1:{port} after 50000 lines")


def test_a_client_over_ipv6(start, balance):
    daemon = start(CONFIG)
    proxy = balance(FRONT.replace("bind 127.0.0.1", "bind [::1]") + "send-proxy-v2\n", daemon=daemon.port)
    with connect(("::1", proxy.port)) as client:
        assert ask(client, b"ADVANCE\n") == b"ECNAVDA\n"
        daemon.wait_for_log(rf" connected \[::1\]:{client.getsockname()[1]} through ")


@pytest.mark.parametrize("how", ["send-proxy", "send-proxy-v2", "send-proxy-v2 proxy-v2-options crc32c"])
def test_its_check_reverses_a_word_and_keeps_its_own_address(start, balance, how):
    daemon = start(CONFIG)
    proxy = balance(REVERSING_CHECK + "check inter 100ms " + how + "\n", daemon=daemon.port)
    line = daemon.wait_for_log("connected 127", count=3)
    # Version 1 cannot express it: HAProxy names both ends of its own connection.
    assert ("through" in line) == (how == "send-proxy")
    daemon.wait_for_log("disconnected 127.* after 1 line", count=3)
    assert proxy.servers()["one"]["check_status"] in ("L7OK", "* L7OK"), proxy.servers()["one"]
    assert not daemon.logged("PROXY header")


def test_a_port_check_is_not_logged_as_a_failure(start, balance):
    daemon = start(CONFIG)
    proxy = balance(FRONT + "check inter 50ms send-proxy-v2\n", daemon=daemon.port)
    for _ in range(20):
        with connect(proxy.port) as client:
            assert ask(client, b"ADVANCE\n") == b"ECNAVDA\n"
    assert proxy.servers()["one"]["status"] == "UP" and not daemon.logged("PROXY header")


def test_a_balancer_without_headers_or_without_trust_is_down_at_once(start, balance):
    config = REVERSING_CHECKS + """    server plain 127.0.0.1:{daemon} check inter 100ms fall 1
    server stranger 127.0.0.1:{daemon} check inter 100ms fall 1 send-proxy-v2 source 127.0.0.9
    server right 127.0.0.1:{daemon} check inter 100ms send-proxy-v2 source 127.0.0.2
"""
    daemon = start("port = 0\nproxy_protocol = true\ntrusted = ['127.0.0.0/29']\n")
    proxy = balance(config, daemon=daemon.port)
    for server, status in ("plain", "DOWN"), ("stranger", "DOWN"), ("right", "UP"):
        proxy.wait_for(server, status)
    daemon.wait_for_log("it sent no PROXY header")
    daemon.wait_for_log(r"refused 127\.0\.0\.9:\d+: it is in none")
    with connect(proxy.port) as client:
        assert ask(client, b"ADVANCE\n") == b"ECNAVDA\n"


def test_tls_for_the_clients_with_certificates(start, balance, tmp_path):
    daemon = start(CONFIG)
    for name, subject in ("authority", "/CN=authority"), ("balancer", "/CN=localhost"), ("client", "/CN=a client"):
        new = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", subject,
               "-keyout", f"{tmp_path}/{name}.key", "-out", f"{tmp_path}/{name}.crt"]
        if name != "authority":
            new += ["-CA", f"{tmp_path}/authority.crt", "-CAkey", f"{tmp_path}/authority.key", "-addext", "subjectAltName=DNS:localhost",
                    "-addext", "basicConstraints=critical,CA:false"]
        subprocess.run(new, check=True, capture_output=True)
    (tmp_path / "balancer.pem").write_bytes((tmp_path / "balancer.crt").read_bytes() + (tmp_path / "balancer.key").read_bytes())
    proxy = balance(FRONT.replace("bind 127.0.0.1:{front}", "bind 127.0.0.1:{front} ssl crt {tls}/balancer.pem ca-file {tls}/authority.crt verify required")
                    + "send-proxy-v2-ssl-cn proxy-v2-options ssl,cert-cn,ssl-cipher,cert-sig,cert-key,authority,crc32c\n",
                    daemon=daemon.port, tls=tmp_path)
    context = ssl.create_default_context(cafile=tmp_path / "authority.crt")
    context.load_cert_chain(tmp_path / "client.crt", tmp_path / "client.key")
    with context.wrap_socket(connect(proxy.port), server_hostname="localhost") as client:
        assert ask(client, "café\n".encode()) == "éfac\n".encode()
        daemon.wait_for_log(rf" connected 127\.0\.0\.1:{client.getsockname()[1]} through ")
    # Without a certificate nothing reaches the daemon.
    stranger = ssl.create_default_context(cafile=tmp_path / "authority.crt")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        with stranger.wrap_socket(connect(proxy.port), server_hostname="localhost") as client:
            client.sendall(b"x\n")
            assert client.recv(2) == b"", "answered"
            raise ConnectionError
    assert len(daemon.logged(" connected ")) == 1


def test_a_chain_of_two_balancers_passes_the_client_on(start, balance):
    daemon = start(CONFIG)
    inner = balance("""frontend front
    bind 127.0.0.1:{front} accept-proxy
    default_backend back
backend back
    server one 127.0.0.1:{daemon} send-proxy-v2
""", daemon=daemon.port)
    outer = balance(FRONT + "send-proxy\n", daemon=inner.port)
    with connect(outer.port) as client:
        assert ask(client, b"ADVANCE\n") == b"ECNAVDA\n"
        daemon.wait_for_log(rf" connected 127\.0\.0\.1:{client.getsockname()[1]} through ")


def test_a_unix_socket_behind_it(start, balance, tmp_path):
    daemon = start(f"[[listener]]\npath = '{tmp_path}/s'\nmode = '0660'\nproxy_protocol = true\n")
    proxy = balance(FRONT.replace("127.0.0.1:{daemon}", "unix@{path}") + "send-proxy-v2\n", path=tmp_path / "s")
    with connect(proxy.port) as client:
        assert ask(client, b"ADVANCE\n") == b"ECNAVDA\n"
        daemon.wait_for_log(rf" connected 127\.0\.0\.1:{client.getsockname()[1]} through unix$")
