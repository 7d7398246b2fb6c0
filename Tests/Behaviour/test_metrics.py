"""The metrics: over HTTP, in a file, and as real consumers read them."""

import http.client
import json
import os
import pathlib
import re
import socket
import stat
import subprocess
import time
import urllib.parse

import pytest
import yaml

from daemon import ROOT, eventually, run

MONITORING = ROOT / "config/monitoring"
HTTP = 'port = 0\n[metrics]\nlisten = "127.0.0.1:0"\n'


class UnixHTTP(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=10)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(10)
        self.sock.connect(str(self.path))


def metrics_port(daemon, count=1, after=0):
    return int(daemon.wait_for_log(r"metrics at 127\.0\.0\.1:\d+", count=count, after=after).rsplit(":", 1)[1])


def get(address, path="/metrics"):
    """Returns the status and the text of a page; `address` is a port or the path of a socket."""
    client = http.client.HTTPConnection("127.0.0.1", address, timeout=15) if isinstance(address, int) else UnixHTTP(address)
    try:
        client.request("GET", path)
        answer = client.getresponse()
        return answer.status, answer.read().decode()
    finally:
        client.close()


def parse(text):
    """Returns the series and their values: {'reversed_lines_total{path="ascii"}': 3.0}."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines}


def described(text):
    """Returns name, kind and meaning of each metric, in order."""
    kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M))
    return [(name, kinds[name], meaning) for name, meaning in re.findall(r"^# HELP (\S+) (.*)$", text, re.M)]


def names(text):
    """Returns the names of all series."""
    return {series.split("{")[0] for series in parse(text)}


def ask(port, data):
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        answer = b""
        while more := client.recv(65536):
            answer += more
        return answer


def listening(daemon):
    """Counts the listening TCP sockets of the daemon."""
    owned = {os.readlink(entry.path) for entry in os.scandir(f"/proc/{daemon.pid}/fd")}
    rows = [line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[3] == "0A" and f"socket:[{row[9]}]" in owned for row in rows)


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


# What is counted.

def test_nothing_is_open_unless_asked_for(start):
    daemon = start()
    assert not daemon.logged("metrics") and listening(daemon) == 1


def test_everything_is_counted_exactly(serve, tmp_path):
    daemon = serve(HTTP + "[limits]\nmax_line_bytes = 1000\n")
    port = metrics_port(daemon)
    assert ask(daemon.port, b"abc\n\ncaf\xc3\xa9\r\n") == "cba\n\néfac\r\n".encode()
    assert ask(daemon.port, "e\u0301".encode() + b"\n" + b"x" * 70 + b"\nlast").endswith(b"\ntsal")
    assert ask(daemon.port, b"one\n" + b"y" * 2000) == b"eno\n"
    with socket.create_connection(("127.0.0.1", daemon.port)) as client:
        client.sendall(b"now\n")
        assert client.recv(10) == b"won\n"
        # The connection that violated a limit lingers until the client has closed its end.
        assert eventually(lambda: parse(get(port)[1])['reversed_connections_ended_total{reason="refused"}'] == 1)
        text = get(port)[1]
        values = parse(text)
        assert values["reversed_connections"] == 1
    assert values["reversed_connections_accepted_total"] == 4
    assert values['reversed_connections_ended_total{reason="client_closed"}'] == 2
    assert values['reversed_lines_total{path="ascii"}'] == 6
    assert values['reversed_lines_total{path="scalars"}'] == 1
    assert values['reversed_lines_total{path="graphemes"}'] == 1
    assert values['reversed_line_content_bytes_total{path="ascii"}'] == 3 + 0 + 70 + 4 + 3 + 3
    assert values['reversed_line_content_bytes_total{path="graphemes"}'] == 3
    assert [values[f'reversed_line_bytes_bucket{{le="{bound}"}}'] for bound in ("4", "16", "64", "256", "+Inf")] == [6, 7, 7, 8, 8]
    assert values["reversed_line_bytes_count"] == 8 and values["reversed_line_bytes_sum"] == 91
    assert values["reversed_service_seconds_count"] >= 1
    assert 0 < values["reversed_service_seconds_sum"] < 5
    assert values["reversed_connection_slots"] == 10000
    assert values["reversed_serving"] == 1
    assert values["process_open_fds"] >= daemon.idle_descriptors
    assert abs(values["process_start_time_seconds"] - time.time()) < 300
    assert abs(values["process_cpu_seconds_total"] - daemon.processor_seconds()) < 1
    check = subprocess.run(["promtool", "check", "metrics"], input=text.encode(), capture_output=True)
    assert check.returncode == 0 and not check.stderr and not check.stdout, check


def test_paused_accepting_is_counted_while_it_lasts(start):
    daemon = start(HTTP + "[limits]\nmax_connections = 1\n")
    port = metrics_port(daemon)
    with socket.create_connection(("127.0.0.1", daemon.port)) as first:
        first.sendall(b"a\n")
        assert first.recv(10) == b"a\n"
        with socket.create_connection(("127.0.0.1", daemon.port)):
            before = eventually(lambda: parse(get(port)[1])["reversed_accept_paused_seconds_total"])
            assert eventually(lambda: parse(get(port)[1])["reversed_accept_paused_seconds_total"] > before)
            values = parse(get(port)[1])
            assert values["reversed_accept_paused_listeners"] == 1 and values["reversed_accept_pauses_total"] == 1
            after = values["reversed_accept_paused_seconds_total"]
    assert eventually(lambda: parse(get(port)[1])["reversed_accept_paused_listeners"] == 0)
    assert parse(get(port)[1])["reversed_accept_paused_seconds_total"] >= after


def test_the_page_lists_every_metric(start, tmp_path):
    """docs/metrics.md lists each metric with its kind and meaning, and no other."""
    file = tmp_path / "reversed.prom"
    daemon = start(HTTP + f'file = "{file}"\n')
    found = described(get(metrics_port(daemon))[1])
    table = re.findall(r"^\| `(\w+)` \| (\w+) \| (.*) \|$", (ROOT / "docs/metrics.md").read_text(), re.M)
    assert table == found
    in_file = [("reversed_" + name if name.startswith("process_") else name, *rest) for name, *rest in found]
    assert described(file.read_text()) == in_file


# Where it goes.

def test_the_file_is_whole_readable_and_gone_at_the_end(start, tmp_path):
    file = tmp_path / "reversed.prom"
    daemon = start(f'port = 0\n[metrics]\nfile = "{file}"\ninterval = "1s"\n')
    assert stat.S_IMODE(file.stat().st_mode) == 0o644 and "reversed_serving 0\n" in file.read_text()
    assert eventually(lambda: "reversed_serving 1\n" in file.read_text())
    old = file.open()
    before = file.stat().st_ino
    ask(daemon.port, b"one\n")
    assert eventually(lambda: 'reversed_lines_total{path="ascii"} 1\n' in file.read_text())
    assert file.stat().st_ino != before and old.read().endswith("\n")
    assert [entry.name for entry in tmp_path.iterdir() if "prom" in entry.name] == ["reversed.prom"]
    # A directory that goes away is reported once, and again when it is back.
    hidden = tmp_path.with_name(tmp_path.name + "-hidden")
    tmp_path.rename(hidden)
    daemon.wait_for_log(rf"metrics.file = {file}: cannot create .*No such file.*trying again")
    hidden.rename(tmp_path)
    daemon.wait_for_log("metrics.file = .*: written again")
    assert "reversed_metrics_file_failures_total 0\n" not in file.read_text()
    daemon.signal(15)
    assert daemon.wait() == 0 and not file.exists()


def test_a_reload_turns_it_on_moves_it_and_turns_it_off(start, tmp_path):
    daemon = start()
    client = socket.create_connection(("127.0.0.1", daemon.port))
    daemon.reload(HTTP)
    port = metrics_port(daemon)
    assert parse(get(port)[1])['reversed_reloads_total{result="ok"}'] == 1
    path, file = tmp_path / "m.sock", tmp_path / "m.prom"
    daemon.reload(f'port = 0\n[metrics]\nlisten = "{path}"\nmode = "0600"\nfile = "{file}"\n')
    assert parse(get(path)[1])["reversed_connections"] == 1
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and file.exists()
    with pytest.raises(OSError):
        get(port)
    daemon.reload("port = 0\n")
    assert eventually(lambda: not path.exists() and not file.exists())
    client.sendall(b"still\n")
    assert client.recv(10) == b"llits\n"
    client.close()


def test_a_reload_that_fails_changes_nothing(start, tmp_path):
    port = free_port()
    config = f'port = 0\n[metrics]\nlisten = "127.0.0.1:{port}"\n'
    daemon = start(config)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        lines = daemon.reload(f'port = 0\n[metrics]\nlisten = "127.0.0.1:{taken}"\n', fails=True)
        assert any(f"metrics.listen = 127.0.0.1:{taken}: cannot listen on 127.0.0.1:{taken}: Address already in use" in line
                   for line in lines)
        # If a listener for clients fails, the metrics stay at their address.
        daemon.reload(f'port = {taken}\n[metrics]\nlisten = "{tmp_path}/m.sock"\n', fails=True)
        assert eventually(lambda: not (tmp_path / "m.sock").exists())
        assert parse(get(port)[1])['reversed_reloads_total{result="failed"}'] == 2
    lines = daemon.reload(config + 'file = "/nowhere/m.prom"\n', fails=True)
    assert any('metrics.file = /nowhere/m.prom: cannot create' in line and "choose a directory" in line for line in lines)
    assert parse(get(port)[1])['reversed_reloads_total{result="failed"}'] == 3


def test_a_start_that_fails_says_which_key(tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        result = run(tmp_path, f'port = 0\n[metrics]\nlisten = "127.0.0.1:{taken}"\n')
    assert result.returncode == 69
    assert f"metrics.listen = 127.0.0.1:{taken}: cannot listen on" in result.stderr.decode()
    result = run(tmp_path, 'port = 0\n[metrics]\nfile = "/proc/m.prom"\n')
    assert result.returncode == 69 and "metrics.file = /proc/m.prom: cannot create" in result.stderr.decode()
    for config, words in [
        ('listen = "127.0.0.1"', 'metrics.listen = "127.0.0.1": must be a host with a port.*this one has no port.*"127.0.0.1:9150"'),
        ("listen = 9150", "metrics.listen = 9150: must be a host with a port"),
        ('listen = "127.0.0.1:5000"', "metrics.listen = .*cannot be where clients are served: the same host and port; take another"),
        ('file = "m.prom"', 'metrics.file = "m.prom": must be the absolute path'),
        ('interval = "10ms"', 'metrics.interval = "10ms": must be .*from 1s to 1h'),
    ]:
        result = run(tmp_path, f"[metrics]\n{config}\n")
        assert result.returncode == 78 and re.search(words, result.stderr.decode()), result.stderr


def test_the_check_names_the_destinations_and_what_will_fail(tmp_path):
    config = 'port = 0\n[metrics]\nlisten = "127.0.0.1:9150"\nfile = "/nowhere/m.prom"\n'
    result = run(tmp_path, config, "--check")
    assert result.stdout.decode().splitlines()[-2:] == ["would answer about metrics on 127.0.0.1:9150",
                                                        "would write metrics to /nowhere/m.prom"]
    assert result.stderr.decode() == "warning: /nowhere/m.prom: the directory /nowhere does not exist\n"
    assert run(tmp_path, config, "--check", "--strict").returncode == 78


def test_the_metrics_are_served_during_a_drain(start):
    daemon = start(HTTP)
    port = metrics_port(daemon)
    assert get(port, "/healthz") == (200, "ok\n")
    client = socket.create_connection(("127.0.0.1", daemon.port))
    client.sendall(b"x" * 500_000 + b"\n")
    scraper = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    scraper.request("GET", "/healthz")
    assert scraper.getresponse().read() == b"ok\n"
    client.settimeout(10)
    assert eventually(lambda: parse(get(port)[1])['reversed_lines_total{path="ascii"}'] == 1)
    daemon.signal(15)
    daemon.wait_for_log("stopping")
    assert get(port, "/healthz") == (503, "stopping\n")
    assert "reversed_serving 0\n" in get(port)[1]
    received = 0
    while more := client.recv(65536):
        received += len(more)
    client.close()
    assert received == 500_001
    # The connection of the scraper stays open, and delays the exit by a second at most.
    begin = time.monotonic()
    assert daemon.wait() == 0 and time.monotonic() - begin < 4
    scraper.close()


# HTTP, over real sockets.

def test_a_wrong_request_ends_only_its_own_connection(start):
    daemon = start(HTTP)
    port = metrics_port(daemon)
    keeping = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    for _ in range(3):
        keeping.request("GET", "/metrics")
        assert keeping.getresponse().read().startswith(b"# HELP")
    smuggled = b"GET /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 60\r\n\r\nGET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
    answer = ask(port, smuggled)
    assert answer.startswith(b"HTTP/1.1 400 ") and answer.count(b"HTTP/1.1") == 1
    assert ask(port, b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 100_000).startswith(b"HTTP/1.1 431 ")
    pipelined = ask(port, b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n" * 50)
    assert pipelined.count(b"200 OK") == 50 and pipelined.endswith(b"ok\n")
    assert ask(port, bytes(range(256)) * 100).startswith(b"HTTP/1.1 400 ")
    daemon.wait_for_log("disconnected 127.0.0.1:.*: an HTTP request with a body")
    keeping.request("GET", "/healthz")
    assert keeping.getresponse().read() == b"ok\n"
    keeping.close()
    assert ask(daemon.port, b"abc\n") == b"cba\n"
    assert parse(get(port)[1])["reversed_connections_accepted_total"] == 1, "clients of the metrics are not counted"


def test_slow_clients_end_by_the_timeout_and_let_the_next_in(start):
    daemon = start(HTTP)
    port = metrics_port(daemon)
    # As many as one address may have.
    silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(16)]
    for client in silent[::2]:
        client.sendall(b"GET /metrics HTT")
    begin = time.monotonic()
    assert ask(daemon.port, b"abc\n") == b"cba\n" and time.monotonic() - begin < 5

    def is_answered():
        try:
            return get(port)[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    assert not is_answered()
    assert eventually(is_answered, 14, 0.1)
    assert time.monotonic() - begin < 14
    for client in silent:
        client.close()


def test_one_address_does_not_keep_others_out(start):
    port = metrics_port(start(HTTP))
    silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(100)]
    begin = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), 10, source_address=("127.0.0.2", 0)) as scraper:
        scraper.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
        assert scraper.recv(1000).startswith(b"HTTP/1.1 200 OK")
    assert time.monotonic() - begin < 3
    for client in silent:
        client.close()


# Real consumers.

def expressions():
    """Returns every expression of the dashboard and of the alert rules."""
    board = json.loads((MONITORING / "dashboard.json").read_text())
    shown = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    rules = yaml.safe_load((MONITORING / "alerts.yml").read_text())
    return shown, [rule["expr"] for group in rules["groups"] for rule in group["rules"]]


def test_dashboard_and_alerts_name_metrics_that_exist(start):
    shown, alerts = expressions()
    assert len(shown) >= 20 and len(alerts) >= 8
    known = names(get(metrics_port(start(HTTP)))[1])
    used = {name for text in shown + alerts for name in re.findall(r"\b(?:reversed|process)_\w+", text)}
    assert used <= known, used - known
    checked = subprocess.run(["promtool", "check", "rules", MONITORING / "alerts.yml"], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    # Each metric is shown somewhere; a histogram counts as shown if one of its series is.
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in known}
    shown_families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in used}
    assert families - shown_families <= {"process_virtual_memory_bytes"}, families - shown_families


def test_a_real_prometheus(start, tmp_path):
    daemon = start(HTTP)
    port, own = metrics_port(daemon), free_port()
    config = (MONITORING / "prometheus.yml").read_text().replace("127.0.0.1:9150", f"127.0.0.1:{port}")
    config = "global:\n  scrape_interval: 1s\n  evaluation_interval: 1s\n" + config
    (tmp_path / "prometheus.yml").write_text(config)
    (tmp_path / "alerts.yml").write_text((MONITORING / "alerts.yml").read_text())
    prometheus = subprocess.Popen(
        ["prometheus", f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/data",
         f"--web.listen-address=127.0.0.1:{own}", "--log.level=warn"], stderr=(tmp_path / "log").open("wb"))
    try:
        def query(expression):
            try:
                status, text = get(own, "/api/v1/query?" + urllib.parse.urlencode({"query": expression}))
            except OSError:
                return None
            if status == 503:
                return None  # it is still starting
            answer = json.loads(text)
            assert answer["status"] == "success", (expression, answer)
            return answer["data"]["result"]

        def value(expression):
            result = query(expression)
            return float(result[0]["value"][1]) if result else None

        assert eventually(lambda: value('up{job="reversed"}') == 1, 25, 0.1), (tmp_path / "log").read_text()
        ask(daemon.port, b"abc\n" * 1000)
        assert eventually(lambda: value("sum(reversed_lines_total)") == 1000, every=0.1)
        assert eventually(lambda: value("histogram_quantile(0.5, sum by (le) (reversed_line_bytes_bucket))") == 2, every=0.1)
        shown, alerts = expressions()
        for expression in shown + alerts:
            query(expression.replace("$__rate_interval", "1m").replace("$instance", ".*"))
        rules = json.loads(get(own, "/api/v1/rules")[1])["data"]["groups"][0]["rules"]
        assert {rule["name"] for rule in rules} >= {"ReversedDown", "ReversedFull"}
        assert eventually(lambda: all(rule["health"] == "ok" for rule in json.loads(
            get(own, "/api/v1/rules")[1])["data"]["groups"][0]["rules"]), every=0.2)
        daemon.signal(15)
        assert daemon.wait() == 0
        assert eventually(lambda: value('up{job="reversed"}') == 0, every=0.1)
    finally:
        prometheus.terminate()
        prometheus.wait(10)


def test_a_real_node_exporter(start, tmp_path):
    daemon = start(f'port = 0\n[metrics]\nfile = "{tmp_path}/reversed.prom"\ninterval = "1s"\n')
    own = free_port()
    exporter = subprocess.Popen(
        ["prometheus-node-exporter", f"--web.listen-address=127.0.0.1:{own}", "--collector.textfile",
         f"--collector.textfile.directory={tmp_path}"], stderr=(tmp_path / "log").open("wb"))
    try:
        def page():
            try:
                status, text = get(own)
            except OSError:
                return None
            assert status == 200, text
            return parse(text)

        assert eventually(page, 15, 0.1), (tmp_path / "log").read_text()
        ask(daemon.port, b"abc\n" * 7)
        assert eventually(lambda: page()['reversed_lines_total{path="ascii"}'] == 7, every=0.1)
        values = page()
        assert values["node_textfile_scrape_error"] == 0
        assert values["process_resident_memory_bytes"] != values["reversed_process_resident_memory_bytes"]
        assert values['reversed_line_bytes_bucket{le="4"}'] == 7
    finally:
        exporter.terminate()
        exporter.wait(10)
