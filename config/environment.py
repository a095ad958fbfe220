"""Typed readers of environment variables. `NAME_FILE` names a file that holds the value of `NAME` (for secrets).

An invalid value raises ImproperlyConfigured. The message names the variable and never shows a secret.
"""

import json
import os
import re
import secrets
from io import StringIO
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from dotenv.parser import parse_stream

ROOT = Path(__file__).resolve().parent.parent

# The names of the variables that the settings have read.
READ: set[str] = set()

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})
_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,18}")
_QUOTES = ('"', "'")


def load_dotenv(path: Path) -> None:
    """Set the variables of a `.env` file, except those that the environment already sets as `NAME` or `NAME_FILE`."""
    if not path.is_file():
        return
    given = frozenset(os.environ)
    for binding in parse_stream(StringIO(_file_text(path, path.name))):
        if binding.error or (binding.key and binding.value is None):
            raise ImproperlyConfigured(f"{path.name}, line {binding.original.line}: write NAME=VALUE.")
        if binding.key and not given & _twins(binding.key):
            os.environ[binding.key] = binding.value or ""


def text(name: str, default: str = "", *, lines: bool = False) -> str:
    """Return the variable, else the content of the file that `NAME_FILE` names, else the default.

    With `lines`, the value may have several lines.
    """
    READ.add(name)
    value, path = os.environ.get(name, ""), os.environ.get(f"{name}_FILE", "")
    if value and path:
        raise ImproperlyConfigured(f"{name} and {name}_FILE are both set: remove one.")
    if path:
        _refuse_odd(f"{name}_FILE", path)
        value = _file_text(Path(path), f"{name}_FILE").strip()
        if not value:
            raise ImproperlyConfigured(f"{name}_FILE: {path} is empty.")
    _refuse_odd(name, " ".join(value.split()) if lines and value == value.strip() else value)
    return value or default


def integer(name: str, default: int) -> int:
    """Return the variable as a whole number, or the default if it is not set."""
    value = text(name)
    if not value:
        return default
    if not _WHOLE_NUMBER.fullmatch(value):
        raise ImproperlyConfigured(f"{name} must be a whole number, not {value!r}.")
    return int(value)


def boolean(name: str, *, default: bool) -> bool:
    """Return the variable as a boolean: 1/0, true/false, yes/no, on/off."""
    value = text(name, "on" if default else "off").lower()
    if value in _TRUE | _FALSE:
        return value in _TRUE
    raise ImproperlyConfigured(f"{name} must be on or off, not {value!r}.")


def choice(name: str, options: tuple[str, ...], default: str) -> str:
    """Return the variable, which must be one of the options."""
    value = text(name, default)
    if value not in options:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(options)}, not {value!r}.")
    return value


def items(name: str) -> list[str]:
    """Return the variable as a list, split at commas."""
    return [item.strip() for item in text(name).split(",") if item.strip()]


def json_object(name: str, default: dict[str, Any]) -> dict[str, Any]:
    """Return the variable as a JSON object. No error shows its value, which may hold the access keys of a bucket."""
    value = text(name, lines=True)
    if not value:
        return default
    try:
        parsed = json.loads(value)
    except (ValueError, RecursionError) as error:
        raise ImproperlyConfigured(f"{name} must be a JSON object: {error}.") from error
    if not isinstance(parsed, dict):
        raise ImproperlyConfigured(f"{name} must be a JSON object, in braces.")
    return parsed


def secret(name: str, *, debug: bool, length: int = 64) -> str:
    """Return a secret. With DEBUG, generate a missing secret of `length` hex digits once, and keep it in DATA_DIR."""
    if (value := text(name)) or not debug:
        return value
    path = DATA_DIR / "secrets" / name.lower()
    try:
        return _kept(path, length)
    except OSError as error:
        raise ImproperlyConfigured(f"DATA_DIR: can't keep secrets in {path.parent}: {error.strerror}.") from error


def _kept(path: Path, length: int) -> str:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary = path.with_suffix(f".{os.getpid()}")
        temporary.write_text(secrets.token_hex(length // 2), encoding="utf-8")
        temporary.chmod(0o600)
        # Two processes may get here at the same time. link() succeeds only for the first.
        try:
            os.link(temporary, path)
        except FileExistsError:
            pass
        finally:
            temporary.unlink()
    return path.read_text(encoding="utf-8")


def _twins(name: str) -> set[str]:
    """Return both names that set the same value: `NAME` and `NAME_FILE`."""
    plain = name.removesuffix("_FILE")
    return {plain, f"{plain}_FILE"}


def _file_text(path: Path, name: str) -> str:
    """Return the content without the byte order mark that some Windows editors put at the beginning."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ImproperlyConfigured(f"{name}: can't read {path}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ImproperlyConfigured(f"{name}: {path} is not text in UTF-8.") from error


def _refuse_odd(name: str, value: str) -> None:
    """Refuse stray characters that an editor, a shell or an env file has left in the value."""
    if value != value.strip():
        raise ImproperlyConfigured(f"{name} begins or ends with a space or a line break.")
    if value.startswith(_QUOTES) and value[0] == value[-1]:
        raise ImproperlyConfigured(f"{name} is in quotes, which count as part of the value here: remove them.")
    if not value.isprintable():
        raise ImproperlyConfigured(f"{name} contains a line break, or a character that can't be seen.")


def _data_dir() -> Path:
    """Return the directory for the product's data, which this process must be able to write to, or to create.

    A relative path starts at the folder of manage.py, so that every process uses the same directory.
    """
    READ.add("DATA_DIR")
    given = os.environ.get("DATA_DIR", "")
    _refuse_odd("DATA_DIR", given)
    path = ROOT / (given or ".data")
    existing = next(each for each in (path, *path.parents) if os.access(each, os.F_OK))
    if not (existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)):
        raise ImproperlyConfigured(f"DATA_DIR: {existing} is not a directory that this process may write to.")
    return path


load_dotenv(ROOT / ".env")
DATA_DIR = _data_dir()
