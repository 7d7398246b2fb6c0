"""What one client can take: slots and memory."""

import socket

from clients import ask, connect
from daemon import eventually


def connect_from(host, port):
    """From another address of this machine."""
    return socket.create_connection((host if ":" in host else "127.0.0.1", port), 15, source_address=(host, 0))


def is_refused(place):
    """Whether a connection ends with a reset before anything is answered."""
    try:
        with connect_from(*place) if isinstance(place, tuple) else connect(place) as client:
            client.sendall(b"anybody?\n")
            assert client.recv(9) == b"?ydobyna\n"
            return False
    except (ConnectionResetError, BrokenPipeError):
        return True


# Slots.

def test_one_client_gets_half_of_the_slots_and_others_are_served(serve):
    daemon = serve("port = 0\n[limits]\nmax_connections = 40\n")
    held = [connect(daemon.port) for _ in range(20)]
    assert all(ask(client, b"in\n") == b"ni\n" for client in held)
    assert all(is_refused(daemon.port) for _ in range(30))
    with connect_from("127.0.0.2", daemon.port) as other:
        assert ask(other, b"other\n") == b"rehto\n"
    held.pop().close()
    assert eventually(lambda: not is_refused(daemon.port))
    # The log says it, and not thirty times.
    daemon.wait_for_log(r"refused 127\.0\.0\.1:\d+: its address has as many connections .*max_connections_per_client")
    assert len(daemon.logged("refused 127")) <= 10
    for client in held:
        client.close()


def test_the_limit_of_one_client_is_set_and_changed_and_ended_by_a_reload(serve):
    config = "port = 0\n[limits]\nmax_connections_per_client = {}\n"
    daemon = serve(config.format(2))
    held = [connect(daemon.port) for _ in range(2)]
    assert all(ask(client, b"in\n") == b"ni\n" for client in held)
    assert is_refused(daemon.port)
    daemon.reload(config.format(3))
    held.append(connect(daemon.port))
    assert ask(held[2], b"in\n") == b"ni\n" and is_refused(daemon.port)
    daemon.reload(config.format(0))
    held += [connect(daemon.port) for _ in range(30)]
    # A lower limit throws nobody out.
    assert all(ask(client, b"in\n") == b"ni\n" for client in held)
    daemon.reload(config.format(1))
    assert all(ask(client, b"in\n") == b"ni\n" for client in held) and is_refused(daemon.port)
    for client in held:
        client.close()
    assert eventually(lambda: not is_refused(daemon.port))


def test_a_network_of_ipv6_is_one_client_and_a_unix_socket_has_no_limit(serve, tmp_path):
    config = f"[[listener]]\nhost = '::'\nport = 0\n[[listener]]\npath = '{tmp_path}/s'\n[limits]\nmax_connections_per_client = 1\n"
    daemon = serve(config, listeners=2)
    with connect_from("::1", daemon.port) as first, connect(daemon.port) as mapped:
        assert ask(first, b"in\n") == b"ni\n" and ask(mapped, b"in\n") == b"ni\n"
        assert is_refused(("::1", daemon.port)) and is_refused(daemon.port)
    clients = [connect(tmp_path / "s") for _ in range(20)]
    assert all(ask(client, b"in\n") == b"ni\n" for client in clients)
    for client in clients:
        client.close()


def test_a_client_that_opens_everything_at_full_speed_leaks_nothing(serve):
    daemon = serve("port = 0\n[limits]\nmax_connections = 40\n[log]\nconnections = false\n")
    held = [connect(daemon.port) for _ in range(20)]
    assert all(ask(client, b"in\n") == b"ni\n" for client in held)
    before = daemon.memory()
    for _ in range(3000):
        assert is_refused(daemon.port)
    with connect_from("127.0.0.2", daemon.port) as other:
        assert ask(other, b"other\n") == b"rehto\n"
    assert eventually(lambda: daemon.sockets() <= daemon.idle_sockets + 21)
    assert daemon.memory() - before < 4 << 20
    for client in held:
        client.close()
