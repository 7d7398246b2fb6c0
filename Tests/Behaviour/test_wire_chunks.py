"""Chunk framing: the client of the original program, and other clients of such a listener."""

import socket
import threading

import pytest

from clients import ask, ask_once, connect, exchange, receive, receive_to_end

CHUNKS = "port = 0\nframing = 'chunk'\nunit = 'byte'\n"


class OriginalClient:
    """Behaves like the client of the original program: connects, sends what was typed without a newline, receives once,
    and repeats this until `exit`."""

    def __init__(self, port):
        self.client = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.client.settimeout(15)
        self.client.connect(("127.0.0.1", port))

    def exchange(self, text):
        self.client.send(text.encode())
        return self.client.recv(1024).decode()

    def close(self):
        self.client.close()


def test_the_original_client(serve):
    daemon = serve(CHUNKS)
    client = OriginalClient(daemon.port)
    assert client.exchange("ADVANCE") == "ECNAVDA"
    assert client.exchange("AKASH") == "HSAKA"
    assert client.exchange("two words") == "sdrow owt"
    client.close()
    daemon.wait_for_log("disconnected .* after 3 lines")


def test_several_original_clients_at_once(serve):
    daemon = serve(CHUNKS)
    clients = [OriginalClient(daemon.port) for _ in range(20)]
    for round_ in range(5):
        for number, client in enumerate(clients):
            text = f"client {number} round {round_}"
            assert client.exchange(text) == text[::-1]
    for client in clients:
        client.close()


def test_original_clients_in_threads(serve):
    daemon = serve(CHUNKS)
    wrong = []

    def work(name):
        client = OriginalClient(daemon.port)
        for number in range(200):
            if client.exchange(f"{name}-{number}") != f"{name}-{number}"[::-1]:
                wrong.append((name, number))
        client.close()

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_newline_is_a_byte_like_any_other(serve):
    with connect(serve(CHUNKS).port) as client:
        assert ask(client, b"ab\n") == b"\nba"


@pytest.mark.parametrize("size", [1, 1023, 1024])
def test_a_block_up_to_1024_bytes_is_one_answer(serve, size):
    block = bytes(range(256)) * 4
    with connect(serve(CHUNKS).port) as client:
        assert ask(client, block[:size]) == block[:size][::-1]


def test_a_larger_block_is_answered_1024_bytes_at_a_time(serve):
    block = bytes(range(250)) * 10
    with connect(serve(CHUNKS).port) as client:
        answer = ask(client, block)
    assert answer[:1024] == block[:1024][::-1] and len(answer) == 2500


def test_characters_stay_whole_if_the_listener_is_set_so(serve):
    with connect(serve("port = 0\nframing = 'chunk'\n").port) as client:
        assert ask(client, "né👨‍👩‍👧‍👦".encode()) == "👨‍👩‍👧‍👦én".encode()


def test_half_close_and_many_megabytes(serve):
    daemon = serve(CHUNKS)
    sent = bytes(range(256)) * 8192
    answers = []
    with connect(daemon.port) as client:
        reader = threading.Thread(target=lambda: answers.append(receive_to_end(client)))
        reader.start()
        client.sendall(sent)
        client.shutdown(socket.SHUT_WR)
        reader.join(15)
    assert len(answers[0]) == len(sent) and sorted(answers[0][:1024]) == sorted(sent[:1024])


def test_the_line_limit_is_not_for_chunks(serve):
    daemon = serve(CHUNKS + "[limits]\nmax_line_bytes = 4\n")
    with connect(daemon.port) as client:
        assert ask(client, b"0123456789") == b"9876543210"
    assert exchange(daemon.port, b"abc") == b"cba"


def test_a_line_listener_and_a_chunk_listener_side_by_side(serve):
    daemon = serve("[[listener]]\nhost = '127.0.0.1'\nport = 0\n"
                   "[[listener]]\nhost = '127.0.0.1'\nport = 0\nframing = 'chunk'\nunit = 'byte'\n", listeners=2)
    lines, chunks = daemon.ports
    with connect(lines) as line_client, connect(chunks) as chunk_client:
        line_client.sendall(b"ADV")
        assert ask(chunk_client, b"ADV") == b"VDA"
        line_client.sendall(b"ANCE\n")
        assert receive(line_client, 8) == b"ECNAVDA\n"
    assert ask_once(lines, b"ADVANCE\n") == b"ECNAVDA\n"
