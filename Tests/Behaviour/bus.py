"""A system bus with a service manager, which answers questions about units as the test says (D-Bus specification)."""

import socket
import struct
import threading

UNIT = "/org/freedesktop/systemd1/unit/"
METHOD_RETURN, ERROR = 2, 3


class Writer:
    """Encodes values for D-Bus."""

    def __init__(self):
        self.bytes = bytearray()

    def align(self, size):
        self.bytes += bytes(-len(self.bytes) % size)

    def pack(self, form, value):
        self.align(struct.calcsize(form))
        self.bytes += struct.pack("<" + form, value)

    def signature(self, text):
        self.bytes += bytes([len(text)]) + text.encode() + b"\0"

    def value(self, kind, value):
        if kind in ("s", "o"):
            self.pack("I", len(value.encode()))
            self.bytes += value.encode() + b"\0"
        elif kind == "g":
            self.signature(value)
        elif kind in ("u", "b"):
            self.pack("I", value)
        elif kind == "t":
            self.pack("Q", value)
        elif kind == "as":
            texts = Writer()
            for text in value:
                texts.value("s", text)
            self.pack("I", len(texts.bytes))
            self.bytes += texts.bytes
        elif kind == "(uo)":
            self.align(8)
            self.value("u", value[0])
            self.value("o", value[1])
        elif kind == "v":
            self.signature(value[0])
            self.value(*value)
        else:
            raise ValueError(kind)


def text_at(data, offset):
    """The text at the offset, and where it ends."""
    offset += -offset % 4
    length, = struct.unpack_from("<I", data, offset)
    return data[offset + 4:offset + 4 + length].decode(), offset + 5 + length


def fields_of(header):
    """The path (1) and the member (3) of a call, among its fields."""
    found = {}
    offset = 16
    while offset < len(header):
        offset += -offset % 8
        code, length = header[offset], header[offset + 1]
        kind = header[offset + 2:offset + 2 + length].decode()
        offset += 3 + length
        if kind in ("s", "o"):
            found[code], offset = text_at(header, offset)
        elif kind == "g":
            offset += 2 + header[offset]
        else:
            offset += -offset % 4 + 4
    return found


class Bus:
    """`objects`: by object path and name, the type and the value of each property. `own`: the path of the unit that the caller
    belongs to."""

    def __init__(self, path, objects, own=None):
        self.objects = objects
        self.own = own
        self.path = path
        self.variables = dict(DBUS_SYSTEM_BUS_ADDRESS=f"unix:path={path}")
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen(16)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client.makefile("rwb"), client), daemon=True).start()

    def _serve(self, stream, client):
        stream.read(1)
        for line in stream:
            words = line.split()
            if words[0] == b"BEGIN":
                break
            answers = {b"DATA": b"OK " + b"0" * 32, b"NEGOTIATE_UNIX_FD": b"AGREE_UNIX_FD"}
            stream.write((answers.get(words[0]) or (answers[b"DATA"] if len(words) > 2 else b"DATA")) + b"\r\n")
            stream.flush()
        while head := stream.read(16):
            size, serial, length = struct.unpack_from("<III", head, 4)
            rest = stream.read(length + -length % 8)
            fields = fields_of(head + rest[:length])
            stream.write(self._answer(fields, stream.read(size), serial))
            stream.flush()
        client.close()

    def _answer(self, fields, body, serial):
        member = fields.get(3)
        if member == "Hello":
            return self._message(METHOD_RETURN, serial, "s", ":1.1")
        if member == "GetUnitByPID" and self.own:
            return self._message(METHOD_RETURN, serial, "o", self.own)
        if member == "Get":
            _, end = text_at(body, 0)
            name, _ = text_at(body, end)
            found = self.objects.get(fields[1], {}).get(name)
            if found:
                return self._message(METHOD_RETURN, serial, "v", found)
        return self._message(ERROR, serial)

    @staticmethod
    def _message(kind, serial, signature=None, value=None):
        body = Writer()
        if signature:
            body.value(signature, value)
        fields = Writer()
        described = {5: ("u", serial), 8: ("g", signature)} if signature else {
            4: ("s", "org.freedesktop.DBus.Error.UnknownProperty"), 5: ("u", serial)}
        for code, field in described.items():
            fields.align(8)
            fields.bytes.append(code)
            fields.value("v", field)
        header = struct.pack("<cBBBIII", b"l", kind, 1, 1, len(body.bytes), 1, len(fields.bytes)) + bytes(fields.bytes)
        return header + bytes(-len(header) % 8) + bytes(body.bytes)

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.path.unlink()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
