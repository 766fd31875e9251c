"""Secrets of this process, found by their references."""

import os
import re
import stat
from pathlib import Path
from typing import Callable, Mapping, Optional

Secrets = Callable[[str], Optional[str]]
"""Finds the secret that a reference such as `secret://crm-token` means; None: it is not known."""

_SCHEME = "secret://"


def open_secrets(env: Mapping[str, str]) -> Secrets:
    """Secrets of this process: `secret://crm-token` is the variable `CRM_TOKEN`, or the line
    `crm-token=…` of the file that WEIR_SECRETS_FILE names, which nobody else may be able to read.

    Raises OSError when that file cannot be read, and PermissionError when others can read it.
    """
    path = env.get("WEIR_SECRETS_FILE")
    held = _read_secrets(Path(path)) if path else {}

    def find(reference: str) -> Optional[str]:
        if not reference.startswith(_SCHEME):
            return None
        name = reference.removeprefix(_SCHEME)
        return env.get(variable_of(reference)) or held.get(name) or None

    return find


def variable_of(reference: str) -> str:
    """The variable that may hold the secret of a reference."""
    return re.sub("[^A-Z0-9]+", "_", reference.removeprefix(_SCHEME).upper())


def _read_secrets(path: Path) -> dict[str, str]:
    if os.stat(path).st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        text = f"WEIR_SECRETS_FILE names {path}, which others can read: chmod 600 {path}"
        raise PermissionError(text)
    lines = [line.partition("=") for line in path.read_text("utf-8").splitlines()]
    return {
        name.strip(): value.strip()
        for name, sign, value in lines
        if name and sign and not name.startswith("#")
    }
