"""What a process finds in the descriptor store: foreign descriptors, and the state that another release has written."""

import fcntl
import os
import socket

import pytest

from clients import ask, ask_once, connect, receive_to_end
from hand_over import CONNECTIONS


def pair(kind=socket.SOCK_STREAM):
    return socket.socketpair(socket.AF_UNIX, kind)


def strangers():
    def silent():
        return pair(socket.SOCK_SEQPACKET)

    def stream():
        one, other = pair()
        other.sendall(b"DSRVCONN" + bytes(100))
        return one, other

    def message(bytes_, descriptors):
        def make():
            one, other = pair(socket.SOCK_SEQPACKET)
            opened = descriptors()
            socket.send_fds(other, [bytes_], [each if isinstance(each, int) else each.fileno() for each in opened])
            other.close()
            return one, opened
        return make

    def memory(content, sealed=True):
        file = os.memfd_create("stranger", os.MFD_ALLOW_SEALING)
        os.write(file, content)
        if sealed:
            fcntl.fcntl(file, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE)
        return file

    header = b"DSRVCONN" + (0).to_bytes(4, "little") + (1).to_bytes(4, "little")
    head = b"DSRVHAND" + (1).to_bytes(2, "little") + (1).to_bytes(2, "little")
    return {
        "silent": silent, "stream": stream, "noise": message(b"x", lambda: [pair()[0]]),
        "no file": message(header, lambda: [pair()[0], pair()[0]]),
        "empty file": message(header, lambda: [memory(b""), pair()[0]]),
        "unsealed": message(header, lambda: [memory(head, False), pair()[0]]),
        "torn": message(header, lambda: [memory(head + (2).to_bytes(4, "little") + (1 << 20).to_bytes(8, "little")), pair()[0]]),
        "newer": message(header, lambda: [memory(b"DSRVHAND" + bytes([9, 0, 9, 0]) + bytes(100)), pair()[0]]),
        "endless": message(header, lambda: [memory(head + b"\xff" * 12), pair()[0]]),
        "listener": lambda: (socket.create_server(("127.0.0.1", 0)), None), "pipe": lambda: (os.fdopen(os.pipe()[0]), None),
    }


@pytest.mark.parametrize("kind", strangers())
def test_a_foreign_descriptor_in_the_store(service, store, kind):
    run = service()
    with connect(run.daemon.port) as client:
        ask(client, b"one\n")
        run.stop()
        stranger = strangers()[kind]()
        store.put(CONNECTIONS, stranger[0])
        run.daemon = run._start()
        assert ask(client, b"two\n") == b"owt\n"
        assert ask_once(run.daemon.port, b"three\n") == b"eerht\n"
        store.wait_until(lambda: CONNECTIONS not in [name for name, _ in store.kept])
        if kind != "silent":
            run.daemon.wait_for_log(" warning: ")


# A hand-over of another release, written here from the description of the format (HandOverImage.swift).

def field(tag, value):
    value = value.to_bytes(8, "little") if isinstance(value, int) else value
    return bytes([tag]) + len(value).to_bytes(4, "little") + value


def connection_record(number, session=b"\1\1\1", more=b"", held=(0, 0)):
    return field(1, number) + field(3, 0) + field(9, session) + field(11, held[0]) + field(13, held[1]) + more


def release(version, oldest_reader, records, held=b""):
    """The contents of the file; the first record is the server's."""
    listed = b"".join(len(record).to_bytes(4, "little") + record for record in records)
    head = b"DSRVHAND" + version.to_bytes(2, "little") + oldest_reader.to_bytes(2, "little")
    return head + len(records).to_bytes(4, "little") + len(listed).to_bytes(8, "little") + listed + held


def hand_over(store, content, clients):
    """Puts a socket with these connections into the store."""
    file = os.memfd_create("hand-over", os.MFD_ALLOW_SEALING)
    os.write(file, content)
    fcntl.fcntl(file, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE)
    one, other = pair(socket.SOCK_SEQPACKET)
    message = b"DSRVCONN" + (0).to_bytes(4, "little") + len(clients).to_bytes(4, "little")
    socket.send_fds(other, [message], [file, *(client.fileno() for client in clients)])
    store.put(CONNECTIONS, one)
    for each in (one, other):
        each.close()
    os.close(file)


NEWER = {
    "plain": (connection_record(1), True), "a field that may be ignored": (connection_record(2, more=field(200, b"new")), True),
    "a longer state of the session": (connection_record(3, session=b"\1\1\1new"), True),
    "a field that must not be ignored": (connection_record(4, more=field(201, b"new")), False),
    "a new version of the session": (connection_record(5, session=b"\2\1\1"), False),
    "an unknown unit": (connection_record(6, session=b"\1\1\x63"), False),
    "a shorter record": (connection_record(7)[:-1], False), "an empty record": (b"", False),
    "more than the file has": (connection_record(8, held=(1 << 20, 5)), False), "the same number": (connection_record(1), False),
}


def test_a_newer_release_handed_over(service, store):
    """What is understood goes on, the rest is closed, and the log counts both."""
    run = service()
    run.stop()
    pairs = [pair() for _ in NEWER]
    records = [field(2, 100) + field(4, b"new"), *(record for record, _ in NEWER.values())]
    hand_over(store, release(2, 1, records), [theirs for theirs, _ in pairs])
    for theirs, _ in pairs:
        theirs.close()
    run.daemon = run._start()
    ended = sum(not goes_on for _, goes_on in NEWER.values())
    run.daemon.wait_for_log(f"took over {len(NEWER) - ended} connections")
    run.daemon.wait_for_log(f"{ended} of {len(NEWER)} connections could not be taken over and were ended: ")
    for (name, (_, goes_on)), (_, client) in zip(NEWER.items(), pairs):
        client.settimeout(10)
        if goes_on:
            assert ask(client, b"one\n") == b"eno\n", name
        else:
            assert receive_to_end(client) == b"", name
        client.close()
    store.wait_until(lambda: CONNECTIONS not in [name for name, _ in store.kept])


def test_a_much_newer_release_handed_over(service, store):
    run = service()
    run.stop()
    theirs, client = pair()
    hand_over(store, release(9, 2, [field(2, 100), connection_record(1)]), [theirs])
    theirs.close()
    run.daemon = run._start()
    run.daemon.wait_for_log("1 of 1 connection could not be taken over and was ended: its format 9 needs a newer release")
    client.settimeout(10)
    assert receive_to_end(client) == b""
    client.close()
    assert ask_once(run.daemon.port, b"one\n") == b"eno\n"


@pytest.mark.parametrize("name", ["connections.2", "listener.99", "listener.7.file.1.2", "whatever", "unknown"])
def test_a_foreign_descriptor_under_any_name(service, store, name):
    run = service()
    with connect(run.daemon.port) as client:
        ask(client, b"one\n")
        run.stop()
        one, _ = pair()
        store.put(name, one)
        run.daemon = run._start()
        assert ask(client, b"two\n") == b"owt\n"
        run.daemon.wait_for_log(" warning: ")
        store.wait_until(lambda: name not in [each for each, _ in store.kept])
        assert run.daemon.port
