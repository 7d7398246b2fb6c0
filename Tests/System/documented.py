"""Extracts the commands of a document, in its order: one JSON object per line, with the output that the document shows.

    documented.py FILE    README.md, a manual page in mdoc, or a drop-in whose first comment has commands

The blocks are the indented ones of README.md, .Dl and .Bd -literal of a manual page, and the lines "#   …" of a drop-in. In a
block with prompts ("$ " or "# ") the lines without one are the output of the command above them. A block that is a part of a unit
is one object with "unit".
"""

import json
import pathlib
import re
import sys


def blocks(path):
    text = path.read_text()
    if path.suffix == ".md":
        for block in re.findall(r"(?:^    .*\n|^\n(?=    ))+", text, re.M):
            # An empty line ends a command and its output.
            for part in block.strip("\n").split("\n\n"):
                yield [line[4:] for line in part.splitlines()]
    elif re.fullmatch(r"\.[1-8]", path.suffix):
        literal = None
        for line in text.splitlines():
            if line.startswith(".Bd -literal"):
                literal = []
            elif line == ".Ed":
                # A part of an HAProxy configuration is not a command.
                if not literal[0].startswith("backend "):
                    yield literal
                literal = None
            elif literal is not None:
                literal.append(line)
            elif line.startswith(".Dl "):
                yield [line[4:].strip('"').replace("\\(dq", '"')]
    else:
        yield [line[4:] for line in text.splitlines() if line.startswith("#   ")]


def commands(lines):
    if any(re.match(r"[$#] ", line) for line in lines):
        command = None
        for line in lines:
            if re.match(r"[$#] ", line):
                if command:
                    yield command
                command = {"command": line[2:], "output": []}
            elif command:
                command["output"].append(line)
        yield command
    else:
        # Remove a comment at the end of the line.
        for line in lines:
            yield {"command": re.sub(r"\s+# .*", "", line), "output": []}


for lines in blocks(pathlib.Path(sys.argv[1])):
    for command in [{"unit": lines}] if lines[0].startswith("[") else commands(lines):
        print(json.dumps(command, ensure_ascii=False))
