"""TAB in real shells: the text that is typed, and the command line afterwards.

The scripts are those that the programs print, and those in the packages that PACKAGES names.
"""

import os
import re
import socket
import subprocess

import pexpect
import pytest

from daemon import binary
from line_server import client_path, environment

SHELLS = ["bash", "zsh", "fish"]
# The shell prints this word when it has run everything before. It is typed in two parts, so that its echo does not match.
DONE = ("d''one-with-it", "done-with-it")


@pytest.fixture(params=["program", "package"])
def scripts(request, tmp_path):
    """A data directory for XDG_DATA_DIRS, with the completions in their usual subdirectories."""
    data = tmp_path / "share"
    if request.param == "package":
        packages = os.environ.get("PACKAGES", "").split()
        if not packages:
            pytest.skip("PACKAGES names no package")
        for package in packages:
            subprocess.run(["dpkg-deb", "--extract", package, tmp_path / "root"], check=True)
        return tmp_path / "root/usr/share"
    for program, name in [(client_path(), "reverse-client"), (binary(), "reversed")]:
        for shell, file in [
            ("bash", f"bash-completion/completions/{name}"),
            ("zsh", f"zsh/vendor-completions/_{name}"),
            ("fish", f"fish/vendor_completions.d/{name}.fish"),
        ]:
            path = data / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(subprocess.run([program, "--generate-completion-script", shell], check=True, capture_output=True).stdout)
    return data


class Shell:
    START = {
        "bash": (["bash", "--norc", "--noprofile"], "bind 'set bell-style none'; bind 'set enable-bracketed-paste off'; "
                 "bind 'set page-completions off'; source /usr/share/bash-completion/bash_completion"),
        "zsh": (["zsh", "-f"], "setopt NO_BEEP NO_PROMPT_SP; fpath=({data}/zsh/vendor-completions $fpath); autoload -U compinit; compinit -u -D"),
        "fish": (["fish", "--no-config"], "function fish_prompt; end; set -g fish_autosuggestion_enabled 0; "
                 "source {data}/fish/vendor_completions.d/reverse-client.fish; source {data}/fish/vendor_completions.d/reversed.fish"),
    }

    # Ctrl-X s prints the command line of the shell, and clears it.
    SHOW = {
        "bash": r"""show() { printf '\n[%s]\n' "$READLINE_LINE"; READLINE_LINE=; }; bind -x '"\C-xs": show'""",
        "zsh": r"""show() { print -r -- $'\n'"[$BUFFER]"; BUFFER=; }; zle -N show; bindkey '^Xs' show""",
        "fish": r"""function show; printf '\n[%s]\n' (commandline); commandline ''; end; bind \cxs show""",
    }

    def __init__(self, name, data, directory):
        self.name = name
        os.makedirs(directory / "bin")
        os.symlink(client_path(), directory / "bin/reverse-client")
        os.symlink(binary(), directory / "bin/reversed")
        work = directory / "work"
        work.mkdir()
        (work / "lines.txt").touch()
        (work / "settings.toml").touch()
        with socket.socket(socket.AF_UNIX) as listener:
            here = os.getcwd()
            os.chdir(work)
            listener.bind("r.sock")
            os.chdir(here)
        env = environment(PATH=f"{directory}/bin:/usr/bin:/bin", TERM="xterm" if name == "fish" else "dumb", HOME=str(directory), PS1="", PROMPT="", LANG="C.UTF-8",
                          XDG_DATA_DIRS=f"{data}:/usr/share", XDG_CONFIG_HOME=f"{directory}/config")
        command, setting = self.START[name]
        self.child = pexpect.spawn(command[0], command[1:], env=env, encoding="utf-8", timeout=15, cwd=str(work), dimensions=(50, 200))
        for line in [setting.format(data=data), self.SHOW[name]]:
            self.child.sendline(f"{line}; echo {DONE[0]}")
            self.child.expect_exact(DONE[1])

    def complete(self, typed):
        """Returns the command line after `typed`, and what the terminal showed meanwhile. The line is cleared."""
        self.child.send(typed)
        # The shell reads the key when the completion has finished.
        self.child.send("\x18s")
        self.child.expect(r"\n\[([^\n]*)\]\r?\n")
        # zsh adds the = of a long option, and removes it when a space is typed.
        return self.child.match.group(1).strip().removesuffix("="), self.child.before

    def close(self):
        self.child.close(force=True)


@pytest.fixture(params=SHELLS)
def shell(request, scripts, tmp_path):
    running = Shell(request.param, scripts, tmp_path)
    yield running
    running.close()


def test_what_tab_completes(shell):
    for typed, wanted in [
        ("reverse-client --retry\t", "reverse-client --retry-for"),
        ("reverse-client --json --pi\t", "reverse-client --json --ping"),
        ("reverse-client some text --js\t", "reverse-client some text --json"),
        ("reverse-client --timeout 1m\t", "reverse-client --timeout 1min"),
        ("reverse-client -H loc\t", "reverse-client -H localhost"),
        ("reverse-client --host=loc\t", "reverse-client --host=localhost"),
        ("reverse-client -U r\t", "reverse-client -U r.sock"),
        ("reverse-client -U ./r\t", "reverse-client -U ./r.sock"),
        ("reverse-client --unix ./r\t", "reverse-client --unix ./r.sock"),
        ("reverse-client < li\t", "reverse-client < lines.txt"),
        ("reverse-client > ./li\t", "reverse-client > ./lines.txt"),
        ("reverse-client --json 2> li\t", "reverse-client --json 2> lines.txt"),
        ("reverse-client hel\t", "reverse-client hel"),
        ("reverse-client -- --pi\t", "reverse-client -- --pi"),
        ("reversed --chec\t", "reversed --check"),
        ("reversed --config ./set\t", "reversed --config ./settings.toml"),
        ("reversed --log-level warn\t", "reversed --log-level warning"),
        ("reversed hel\t", "reversed hel"),
        ("reversed --check > li\t", "reversed --check > lines.txt"),
    ]:
        line, shown = shell.complete(typed)
        assert line == wanted, (typed, shown)
        assert "doubled" not in shown and "error" not in shown, shown


def test_what_is_offered(shell):
    # In fish a second TAB chooses.
    tab = "\t" if shell.name == "fish" else "\t\t"
    _, shown = shell.complete("reverse-client --timeout " + tab)
    assert all(value in shown for value in ["1s", "10s", "1min"]), shown
    _, shown = shell.complete("reverse-client --" + tab)
    assert all(option in shown for option in ["--host", "--port", "--unix", "--no-progress", "--version"]), shown
    _, shown = shell.complete("reverse-client " + tab)
    assert not re.search(r"\bhelp\b(?! *--)", shown.replace("--help", "")), shown
