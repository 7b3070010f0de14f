"""The rules that the editor has made or changed: a small file in Jupyter's data folder, of this user."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import RuleError


class OwnRules:
    """By id, what the editor said of a rule.

    Args:
        path: where they are kept; it is made when there is something to keep.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.problem = ""
        """What is wrong with the file, with what to do; empty where all is well."""
        self.rules: dict[str, dict[str, Any]] = self._read()

    def put(self, name: str, data: Mapping[str, Any]) -> None:
        """Keep what was said of a rule.

        Raises:
            RuleError: the file cannot be written.
        """
        self._write({**self.rules, name: {key: value for key, value in data.items() if key != "id"}})

    def drop(self, name: str) -> bool:
        """Forget it; whether there was anything.

        Raises:
            RuleError: the file cannot be written.
        """
        if name not in self.rules:
            return False
        self._write({key: data for key, data in self.rules.items() if key != name})
        return True

    def _read(self) -> dict[str, dict[str, Any]]:
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as e:
            self.problem = (
                f"{self._path} cannot be read ({e}): the rules of the editor do not judge. Mend or delete it."
            )
            return {}
        rules = found.get("rules") if isinstance(found, dict) else None
        if not isinstance(rules, dict) or not all(isinstance(data, dict) for data in rules.values()):
            self.problem = f'{self._path} is to hold {{"rules": {{"hot": {{"when": …}}}}}}. Mend or delete it.'
            return {}
        return rules

    def _write(self, rules: dict[str, dict[str, Any]]) -> None:
        if self.problem:
            raise RuleError(f"Nothing is kept before that is mended: {self.problem}")
        fresh = self._path.with_suffix(".new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            fresh.write_text(json.dumps({"rules": rules}, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
            fresh.replace(self._path)
        except OSError as e:
            raise RuleError(
                f"{self._path} cannot be written: {e}. Free space, or the folder's rights, may help."
            ) from e
        self.rules = rules
