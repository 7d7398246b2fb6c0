"""The help, the manual page and the completions agree, and the examples work."""

import os
import re
import shutil
import subprocess

import pexpect
import pytest

from line_server import LineServer, client_path, environment, run_client

MANUAL = os.path.join(os.path.dirname(__file__), "../../man/reverse-client.1")


def help_text():
    result = run_client("--help", env=environment(COLUMNS="200"))
    assert result.returncode == 0
    return result.stdout.decode()


def options_of_help():
    body = help_text().split("ARGUMENTS:")[1]
    lines = [line for line in body.splitlines() if re.match(r"  -", line)]
    return {option for line in lines for option in re.findall(r"(?<![\w-])--?[A-Za-z][a-z-]*", line.split("   ")[0])}


def options_of_manual():
    found = set()
    with open(MANUAL) as page:
        description = page.read().split("options are as follows")[1].split(".Sh THE PROMPT")[0]
    for line in description.splitlines():
        if line.startswith(".It "):
            found |= {"-" + name for name in re.findall(r"Fl (-?[A-Za-z][a-z-]*)", line)}
    return found


def test_help_and_manual_have_the_same_options():
    assert "--retry-for" in options_of_help() and "-U" in options_of_help()
    assert options_of_help() == options_of_manual()


def test_help_and_manual_have_the_same_exit_codes():
    with open(MANUAL) as page:
        status = page.read().split(".Sh EXIT STATUS")[1].split(".Sh")[0]
    codes = re.findall(r"^\.It (\d+)", status, re.MULTILINE)
    block = help_text().split("EXIT CODES:")[1].split("USAGE:")[0]
    assert re.findall(r"\b(\d{1,3}) [a-zA-Z]", block) == codes


def test_the_manual_is_clean():
    if not shutil.which("mandoc"):
        pytest.skip("mandoc is not installed")
    result = subprocess.run(["mandoc", "-Tlint", "-Wstyle", MANUAL], capture_output=True, text=True)
    # Pages of the same package refer to each other before they are installed.
    complaints = [line for line in result.stdout.splitlines() if "referenced manual not found" not in line]
    assert complaints == []


def test_the_examples_of_the_help_work_when_pasted(tmp_path):
    block = help_text().split("EXAMPLES:")[1].split("EXIT CODES:")[0]
    commands = [line.strip() for line in block.splitlines() if line.strip()]
    assert len(commands) >= 4
    (tmp_path / "lines.txt").write_text("one\ntwo\n")
    (tmp_path / "bin").mkdir()
    os.symlink(client_path(), tmp_path / "bin/reverse-client")
    with LineServer() as server:
        env = environment(REVERSED_PORT=str(server.port), PATH=f"{tmp_path}/bin:{os.environ['PATH']}")
        for command in commands:
            # This example names a server; use that of the test.
            command = command.replace("localhost:5000", f"127.0.0.1:{server.port}")
            result = subprocess.run(["sh", "-c", command], cwd=tmp_path, env=env, capture_output=True, timeout=20)
            assert result.returncode == 0 and result.stderr == b"", (command, result)
    assert (tmp_path / "reversed.txt").read_text() == "eno\nowt\n"


def test_the_completions_know_every_option():
    for shell in ["bash", "zsh", "fish"]:
        script = run_client("--generate-completion-script", shell).stdout.decode()
        for option in options_of_help():
            name = option.lstrip("-")
            assert option in script or f"-l '{name}'" in script or f"-s '{name}'" in script, (shell, option)


@pytest.mark.parametrize(
    "typed, offered",
    [("--retry\t", "--retry-for "), ("--timeout \t\t", "1min"), ("-H \t\t", "localhost"), ("--json --pi\t", "--ping ")],
)
def test_bash_completes_options_and_values(tmp_path, typed, offered):
    os.symlink(client_path(), tmp_path / "reverse-client")
    env = environment(PATH=f"{tmp_path}:/usr/bin:/bin", TERM="dumb", PS1="ready> ")
    shell = pexpect.spawn("bash", ["--norc", "--noprofile"], env=env, encoding="utf-8", timeout=10)
    shell.expect_exact("ready> ")
    shell.sendline("source <(reverse-client --generate-completion-script bash); bind 'set bell-style none'")
    shell.expect_exact("ready> ")
    shell.send("reverse-client " + typed)
    shell.expect_exact(offered)
    shell.close(force=True)
