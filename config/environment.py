"""Typed readers of environment variables. `NAME_FILE` names a file that holds the value of `NAME` (secrets)."""

import json
import os
import secrets
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

ROOT = Path(__file__).resolve().parent.parent
DATA_DIR = Path(os.environ.get("DATA_DIR") or ROOT / ".data")

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"", "0", "false", "no", "off"})


def load_dotenv(path: Path = ROOT / ".env") -> None:
    """Set the variables of a `.env` file that the environment doesn't have."""
    if not path.is_file():
        return
    for line in path.read_text(encoding="utf-8").splitlines():
        name, separator, value = line.strip().partition("=")
        if separator and not name.startswith("#"):
            os.environ.setdefault(name.strip(), value.strip().strip("\"'"))


def text(name: str, default: str = "") -> str:
    """Return the variable, else the content of the file that `NAME_FILE` names, else the default."""
    if value := os.environ.get(name):
        return value
    if path := os.environ.get(f"{name}_FILE"):
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ImproperlyConfigured(f"{name}_FILE: can't read {path}: {error.strerror}.") from error
    return default


def integer(name: str, default: int) -> int:
    """Return the variable as a whole number."""
    value = text(name)
    if not value:
        return default
    try:
        return int(value)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} must be a whole number, not {value!r}.") from error


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
    """Return the variable as a JSON object."""
    value = text(name)
    if not value:
        return default
    try:
        parsed = json.loads(value)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} must be a JSON object: {error}.") from error
    if not isinstance(parsed, dict):
        raise ImproperlyConfigured(f"{name} must be a JSON object, not {value!r}.")
    return parsed


def secret(name: str, *, debug: bool, length: int = 64) -> str:
    """Return a secret; with DEBUG a missing one is generated once and kept under `.data/`."""
    if value := text(name):
        return value
    if not debug:
        return ""
    path = DATA_DIR / "secrets" / name.lower()
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary = path.with_suffix(f".{os.getpid()}")
        temporary.write_text(secrets.token_hex(length // 2), encoding="utf-8")
        temporary.chmod(0o600)
        # Two processes may get here at once; link() succeeds only for the first one.
        try:
            os.link(temporary, path)
        except FileExistsError:
            pass
        finally:
            temporary.unlink()
    return path.read_text(encoding="utf-8")
