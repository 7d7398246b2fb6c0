"""Clients that come through a load balancer: the PROXY protocol on the wire, without a balancer."""

import contextlib
import re
import socket
import struct
import threading
import time

import pytest

from clients import ask, ask_once, connect, receive, receive_to_end
from daemon import eventually, run

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
CONFIG = "port = 0\nproxy_protocol = true\ntrusted = ['127.0.0.0/8']\n"
HEADER = b"PROXY TCP4 192.0.2.1 198.51.100.2 4660 5000\r\n"


def binary(command=0x21, family=0x11, body=socket.inet_aton("192.0.2.1") + socket.inet_aton("198.51.100.2") + struct.pack("!HH", 4660, 5000),
           extensions=b""):
    return SIGNATURE + struct.pack("!BBH", command, family, len(body + extensions)) + body + extensions


def is_closed(client):
    """Whether the server closes without an answer; a peer whose bytes were not read gets a reset."""
    try:
        return client.recv(100) == b""
    except ConnectionResetError:
        return True


# The address of the client.

@pytest.mark.parametrize("header, client", [
    (HEADER, "192.0.2.1:4660"),
    (b"PROXY TCP6 2001:db8::1 2001:db8::2 4660 5000\r\n", "[2001:db8::1]:4660"),
    (binary(), "192.0.2.1:4660"),
    (binary(family=0x21, body=socket.inet_pton(socket.AF_INET6, "2001:db8::1") * 2 + b"\x12\x34\x13\x88"), "[2001:db8::1]:4660"),
    (binary(extensions=b"\x04\0\1x" + b"\x20\0\5\7\0\0\0\0"), "192.0.2.1:4660"),
], ids=["v1-tcp4", "v1-tcp6", "v2-ipv4", "v2-ipv6", "v2-extensions"])
def test_the_log_knows_the_client(start, header, client):
    daemon = start(CONFIG)
    with connect(daemon.port) as balancer:
        port = balancer.getsockname()[1]
        balancer.sendall(header + b"one\n")
        assert receive(balancer, 4) == b"eno\n"
        assert ask(balancer, b"PROXY UNKNOWN\r\n") == b"NWONKNU YXORP\r\n"
    line = daemon.wait_for_log(" connected ")
    assert line.endswith(f"connected {client} through 127.0.0.1:{port}")
    daemon.wait_for_log(f"disconnected {client} after 2 lines".replace("[", r"\[").replace("]", r"\]"))


@pytest.mark.parametrize("header", [
    b"PROXY UNKNOWN\r\n", b"PROXY UNKNOWN what ever\r\n", binary(command=0x20, family=0, body=b""), binary(command=0x20), binary(family=0, body=b""),
    binary(family=0x12),
], ids=["unknown", "unknown-more", "local", "local-addresses", "unspec", "udp"])
def test_a_connection_of_the_balancer_itself_keeps_its_address(start, header):
    daemon = start(CONFIG)
    with connect(daemon.port) as balancer:
        balancer.sendall(header + b"one\n")
        assert receive(balancer, 4) == b"eno\n"
        daemon.wait_for_log(f" connected 127.0.0.1:{balancer.getsockname()[1]}$")


def test_a_path_that_a_client_has_chosen_is_escaped(start):
    daemon = start(CONFIG)
    path = b"/tmp/\n\x1b[31m 10.0.0.1:1"
    with connect(daemon.port) as balancer:
        balancer.sendall(binary(family=0x31, body=path.ljust(108, b"\0") + bytes(108)) + b"one\n")
        assert receive(balancer, 4) == b"eno\n"
    line = daemon.wait_for_log(" connected ")
    assert "connected /tmp/\\n" in line and "\x1b" not in line and line.count("connected") == 1


@pytest.mark.parametrize("header", [HEADER, binary(extensions=b"\x04\0\1x")], ids=["v1", "v2"])
def test_a_header_may_be_cut_at_any_byte(serve, header):
    daemon = serve(CONFIG)
    for cut in range(1, len(header) + 3):
        whole = header + b"one\n"
        with connect(daemon.port) as balancer:
            balancer.sendall(whole[:cut])
            balancer.sendall(whole[cut:])
            assert receive(balancer, 4) == b"eno\n"
    with connect(daemon.port) as balancer:
        for byte in header + b"one\n":
            balancer.sendall(bytes([byte]))
            time.sleep(0.001)
        assert receive(balancer, 4) == b"eno\n"


def test_many_lines_after_the_header_are_answered_in_order(serve):
    daemon = serve(CONFIG)
    lines = b"".join(b"%d\n" % number for number in range(200_000))
    with connect(daemon.port) as balancer:
        sender = threading.Thread(target=balancer.sendall, args=(binary() + lines,))
        sender.start()
        assert receive(balancer, len(lines)) == b"".join(line[::-1] + b"\n" for line in lines.split(b"\n")[:-1])
        sender.join()


# Connections that are refused.

@pytest.mark.parametrize("sent, why", [
    (b"hello\n", "it sent no PROXY header"), (b"\x16\3\1\0\xa5\1\0\0\xa1\3\3", "it sent no PROXY header"),
    (b"PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n", "malformed"), (b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n", "malformed"),
    (SIGNATURE + b"\x31", "malformed"), (SIGNATURE + b"\x21\x41\0\0", "malformed"), (SIGNATURE + b"\x21\x11\0\x04abcd", "malformed"),
    (binary(extensions=b"\xee\0\xff"), "malformed"),
    (b"PROXY UNKNOWN " + b"x" * 94, "too long"), (SIGNATURE + b"\x20\0\xff\xff", "too long"),
    (binary(extensions=b"\3\0\4\1\2\3\4"), "checksum"),
])
def test_a_wrong_header_is_closed_at_once_and_the_log_says_why(start, sent, why):
    daemon = start(CONFIG + "[log]\nconnections = false\n")
    with connect(daemon.port) as balancer:
        balancer.sendall(sent)
        begun = time.monotonic()
        assert is_closed(balancer)
        assert time.monotonic() - begun < 3
        daemon.wait_for_log(rf"notice: disconnected 127\.0\.0\.1:{balancer.getsockname()[1]} after 0 lines, .*{why}")
    # All other clients are served as before.
    with connect(daemon.port) as balancer:
        balancer.sendall(HEADER + b"one\n")
        assert receive(balancer, 4) == b"eno\n"


def test_a_connection_whose_header_is_late_is_closed_and_delays_no_other(start):
    daemon = start(CONFIG)
    silent, slow = connect(daemon.port), connect(daemon.port)
    begun = time.monotonic()
    with connect(daemon.port) as balancer:
        balancer.sendall(HEADER)
        for byte in b"PROXY UNKNOWN " + b"x" * 80:
            try:
                slow.sendall(bytes([byte]))
            except OSError:
                break
            assert ask(balancer, b"one\n") == b"eno\n"
            time.sleep(0.07)
        assert is_closed(slow) and is_closed(silent)
        assert 4.5 < time.monotonic() - begun < 8
        assert ask(balancer, b"one\n") == b"eno\n"
    daemon.wait_for_log("its PROXY header was not complete in time", count=2)


def test_first_line_timeout_shortens_the_time_for_a_header(start):
    daemon = start(CONFIG + "[limits]\nfirst_line_timeout = '100ms'\n")
    with connect(daemon.port) as balancer:
        balancer.sendall(b"PROX")
        assert is_closed(balancer)
    daemon.wait_for_log("not complete in time")


def test_an_end_of_file_within_the_header(start):
    daemon = start(CONFIG)
    with connect(daemon.port) as balancer:
        balancer.sendall(b"PROXY TCP4 ")
        balancer.shutdown(socket.SHUT_WR)
        assert receive_to_end(balancer) == b""
    daemon.wait_for_log("it ended within its PROXY header")
    # A port check is not logged.
    connect(daemon.port).close()
    with connect(daemon.port) as balancer:
        balancer.sendall(HEADER + b"one\n")
        assert receive(balancer, 4) == b"eno\n"
    daemon.wait_for_log("disconnected 192")
    assert len(daemon.logged("disconnected")) == 2


def test_only_trusted_networks_may_send_a_header(start):
    daemon = start("port = 0\nproxy_protocol = true\ntrusted = ['127.0.0.2']\n")
    with socket.socket() as stranger:
        stranger.settimeout(15)
        stranger.bind(("127.0.0.1", 0))
        with contextlib.suppress(ConnectionError):  # the reset may arrive during connect
            stranger.connect(("127.0.0.1", daemon.port))
            stranger.sendall(HEADER + b"one\n")
            assert is_closed(stranger)
        daemon.wait_for_log(rf"notice: refused 127\.0\.0\.1:{stranger.getsockname()[1]}: it is in none of the networks")
    with socket.create_connection(("127.0.0.1", daemon.port), 15, source_address=("127.0.0.2", 0)) as balancer:
        balancer.sendall(HEADER + b"one\n")
        assert receive(balancer, 4) == b"eno\n"


def test_a_flood_of_strangers_and_wrong_headers_does_not_flood_the_log(start):
    daemon = start("port = 0\nproxy_protocol = true\ntrusted = ['127.0.0.2']\n[limits]\nmax_connections = 20\n")

    def knock(address, sent):
        for _ in range(300):
            # The reset may arrive during connect.
            with contextlib.suppress(OSError), \
                    socket.create_connection(("127.0.0.1", daemon.port), 15, source_address=(address, 0)) as client:
                client.sendall(sent)
                client.recv(1)

    threads = [threading.Thread(target=knock, args=each) for each in [("127.0.0.1", HEADER), ("127.0.0.2", b"hello\n")] * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    with socket.create_connection(("127.0.0.1", daemon.port), 15, source_address=("127.0.0.2", 0)) as balancer:
        balancer.sendall(HEADER + b"one\n")
        assert receive(balancer, 4) == b"eno\n"
    assert 50 <= len(daemon.logged("refused 127|disconnected 127")) <= 200
    daemon.wait_for_log("left out \\d+ messages about clients")


def test_memory_of_endless_headers_is_bounded(start):
    daemon = start(CONFIG + "[log]\nconnections = false\n")
    clients = [connect(daemon.port) for _ in range(300)]
    before = daemon.memory()
    for client in clients:
        client.sendall(SIGNATURE + b"\x21\x11\x0f\xf0" + bytes(3000))
    assert daemon.memory() - before < 300 * 16384
    for client in clients:
        client.close()
    daemon.wait_for_log("it ended within its PROXY header", count=10)


# Listeners.

def test_each_listener_decides_whether_it_expects_headers(start, tmp_path):
    daemon = start(f"""proxy_protocol = true
trusted = ['127.0.0.1', '::1']
[[listener]]
port = 0
[[listener]]
port = 0
proxy_protocol = false
[[listener]]
path = '{tmp_path}/s'
mode = '0600'
""", listeners=3)
    with connect(daemon.ports[0]) as balancer, connect(tmp_path / "s") as local:
        for client in balancer, local:
            client.sendall(HEADER + b"one\n")
            assert receive(client, 4) == b"eno\n"
        daemon.wait_for_log("connected 192.0.2.1:4660 through unix")
    assert ask_once(daemon.ports[1], b"PROXY UNKNOWN\n") == b"NWONKNU YXORP\n"


@pytest.mark.parametrize("config, port", [("port = {}\n" + CONFIG[9:], True), ("port = 1\n" + CONFIG[9:], False)],
                         ids=["of the listener with its port", "of the top level"])
def test_a_passed_socket_expects_headers_too(activate, config, port):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        number = listener.getsockname()[1]
        activate([listener], config.format(number))
        with connect(number) as balancer:
            balancer.sendall(HEADER + b"one\n")
            assert receive(balancer, 4) == b"eno\n"
        with connect(number) as client:
            client.sendall(b"hello\n")
            assert is_closed(client)


def test_a_reload_changes_it_for_the_next_clients(start):
    daemon = start()
    plain = f"port = {daemon.port}\n"
    with connect(daemon.port) as old:
        assert ask(old, b"one\n") == b"eno\n"
        daemon.reload(CONFIG.replace("port = 0\n", plain))
        with connect(daemon.port) as new:
            new.sendall(HEADER + b"two\n")
            assert receive(new, 4) == b"owt\n"
            daemon.reload(plain)
            assert ask_once(daemon.port, b"six\n") == b"xis\n"
            assert ask(new, b"ten\n") == b"net\n" and ask(old, b"one\n") == b"eno\n"


def test_a_stop_answers_lines_after_the_header(serve):
    daemon = serve(CONFIG)
    with connect(daemon.port) as whole, connect(daemon.port) as half:
        whole.sendall(HEADER + b"one\ntwo\n")
        half.sendall(HEADER[:20])
        assert receive(whole, 8) == b"eno\nowt\n"
        whole.sendall(b"ten\n")
        daemon.process.terminate()
        assert receive_to_end(whole) == b"net\n"
        assert is_closed(half)
    assert daemon.wait(15) == 0


@pytest.mark.parametrize("config, said", [
    ("proxy_protocol = true\n", 'proxy_protocol = true: needs the networks of the load balancers, such as trusted = ["10.0.0.0/8"]'),
    ("trusted = ['10.0.0.0/8']\n", "trusted = an array: is for load balancers and needs proxy_protocol = true"),
    ("proxy_protocol = true\ntrusted = ['10.0.0.1/8']\n", '"10.0.0.1/8" has bits set behind the first 8: did you mean "10.0.0.0/8"?'),
    ("[[listener]]\npath = '/s'\nproxy_protocol = true\n", 'such as mode = "0660"'),
])
def test_a_mistake_in_the_settings_names_the_remedy(tmp_path, config, said):
    result = run(tmp_path, config, "--check")
    assert result.returncode == 78 and said in result.stderr.decode()


def test_the_metrics_count_what_was_wrong(start):
    daemon = start(CONFIG + '[metrics]\nlisten = "127.0.0.1:0"\n')
    line = daemon.wait_for_log("metrics.*127.0.0.1:")
    port = int(re.search(r"127\.0\.0\.1:(\d+)", line)[1])
    for sent in b"hello\n", b"hello\n", SIGNATURE + b"\x31":
        with connect(daemon.port) as balancer:
            balancer.sendall(sent)
            assert is_closed(balancer)

    def scraped():
        with connect(port) as scraper:
            scraper.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            return receive_to_end(scraper).decode()

    def has_all():
        text = scraped()
        return all(each in text for each in (
            'reversed_proxy_header_failures_total{reason="missing"} 2\n', 'reversed_proxy_header_failures_total{reason="malformed"} 1\n',
            'reversed_proxy_header_failures_total{reason="late"} 0\n', 'reversed_connections_ended_total{reason="proxy_header"} 3\n'))

    assert eventually(has_all), scraped()
