"""What differs between docs/handbook.md and a test: the example values, and the programs that no test can run.

If the program of a command is not in this table, the shell does not find it, so the test fails. A test also fails if
the page has a path or an address that the table does not know.
"""

import re
from pathlib import Path

# Programs that the shell of a test finds on PATH. They do what they do on a real host.
AS_THEY_ARE = ("cat", "chmod", "cp", "curl", "ln", "openssl", "sed", "sleep")
# Programs that a test replaces. For each of them, `programs.py` has a function that does the same.
REPLACED = ("install", "mongosh", "python3", "systemctl", "systemd-run", "useradd")
# Directories of a real host. A test has them below a directory of its own.
DIRECTORIES = ("etc", "opt", "usr/local/sbin", "var/lib", "var/log")
# Paths that stay: nothing is written to them.
STAY = ("/dev/null", "/usr/sbin/nologin")

_REAL = re.compile(rf"(?<![\w./-])/(?={'|'.join(DIRECTORIES)})\b")
_LEFT = re.compile(r"(?<![\w./-])/(?:bin|dev|etc|home|lib|mnt|opt|proc|root|run|s?bin|srv|sys|tmp|usr|var)\b[\w./-]*")
_EXAMPLES = re.compile(r"\b(?:db\d|app\d|cache):\d+|(?<=[: ])(?:27017|6379|8000)\b|\blocalhost\b|\b0\.0\.0\.0\b")


class NotInTable(AssertionError):
    """A command of the page has something that no test knows how to replace."""


def translate(text: str, *, root: Path, port: int, ports: dict[str, int]) -> str:
    """Return the text with the values of a host in place of the example values. `ports` has the ports of all hosts."""
    for name, number in (("db1", 27017), ("db2", 27017), ("db3", 27017), ("cache", 6379)):
        text = text.replace(f"{name}:{number}", f"127.0.0.1:{ports[name]}")
    for example, value in (
        ("localhost/", f"127.0.0.1:{port}/"),
        ("http://127.0.0.1:8000/", f"http://127.0.0.1:{port}/"),
        ("BIND=0.0.0.0:8000", f"BIND=127.0.0.1:{port}"),
        ("bind 0.0.0.0\n", f"bind 127.0.0.1\nport {port}\n"),
        ("port: 27017\n  bindIpAll: true\n", f"port: {port}\n  bindIp: 127.0.0.1\n"),
    ):
        text = text.replace(example, value)
    return _REAL.sub(f"{root}/", text)


def check_translated(text: str, *, root: Path) -> None:
    """Raise NotInTable if an example value, or a path of the real host, is left."""
    paths = [path for path in _LEFT.findall(text) if path not in STAY and not path.startswith(str(root))]
    if left := paths + _EXAMPLES.findall(text):
        raise NotInTable(f"tests/handbook/table.py does not know {', '.join(left)} in:\n{text}")
