"""The traits of ``GpuMon`` as a server started now would have them, and where each value comes from."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from jupyter_core.paths import jupyter_config_path
from msgspec import Struct
from traitlets import TraitError
from traitlets.config import Config
from traitlets.config.loader import JSONFileConfigLoader, PyFileConfigLoader

from ..sinks.notify import masked
from ..sinks.urls import shown

FILES = ("jupyter_config", "jupyter_server_config", "jupyter_gpumon_config")
"""In the order in which Jupyter reads them; a later one goes before an earlier one."""

VARIABLES = {
    "source": "GPUMON_SOURCE",
    "region": "GPUMON_REGION",
    "price": "GPUMON_PRICE",
    "pue": "GPUMON_PUE",
    "electricitymaps_token": "GPUMON_ELECTRICITYMAPS_TOKEN",
}
"""Trait → the variable that its default is taken from."""

_SECRET = ("token", "password", "secret", "key")


class Setting(Struct, frozen=True, kw_only=True):
    """One trait."""

    name: str
    value: Any
    origin: str
    """A file, a variable, or ``default``."""

    @property
    def said(self) -> str:
        """The value for people: without what is secret."""
        return hidden(self.name, self.value)


class Settings(Struct, frozen=True, kw_only=True):
    """All of them, and what is wrong with how they are written."""

    settings: tuple[Setting, ...] = ()
    problems: tuple[str, ...] = ()

    def value(self, name: str) -> Any:
        """The value of a trait; None where there is no such trait."""
        return next((setting.value for setting in self.settings if setting.name == name), None)

    def urls(self) -> list[tuple[str, str]]:
        """Where samples go, as (trait, URL): the store and the sinks."""
        store = self.value("store")
        return [("store", store)] * bool(store) + [("sinks", url) for url in self.value("sinks") or ()]


def hidden(name: str, value: Any) -> str:
    """A value as it may be shown."""
    if value and any(word in name.lower() for word in _SECRET):
        return "***"
    if isinstance(value, str):
        return (masked(value) if name == "notify" else shown(value)) or "''"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(hidden(name, each) for each in value) + "]"
    return str(value)


def effective(variables: Mapping[str, str] = os.environ, folders: list[str] | None = None) -> Settings:
    """Read Jupyter's configuration as it does itself."""
    from ..server.app import GpuMon  # Jupyter's server is imported only where somebody asks for it

    problems: list[str] = []
    said: dict[str, tuple[Any, str]] = {}
    for path, config in _read(folders if folders is not None else jupyter_config_path(), problems):
        said.update({name: (value, str(path)) for name, value in config.get("GpuMon", {}).items()})
    traits = GpuMon.class_own_traits(config=True)
    problems += [
        _unknown(name, path, traits) for name, (_, path) in said.items() if not GpuMon.class_traits().get(name)
    ]
    found = [_setting(GpuMon, name, said, variables, problems) for name in traits]
    return Settings(settings=tuple(found), problems=tuple(problems))


def _read(folders: list[str], problems: list[str]) -> Iterator[tuple[Path, Config]]:
    for base in FILES:
        for folder in reversed(folders):
            for suffix, loader in ((".py", PyFileConfigLoader), (".json", JSONFileConfigLoader)):
                path = Path(folder) / f"{base}{suffix}"
                if not path.is_file():
                    continue
                try:
                    yield path, loader(path.name, path=folder).load_config()
                except Exception as e:  # The file is a program: it may raise whatever it likes.
                    problems.append(f"{path} cannot be read: {type(e).__name__}: {e}")


def _setting(
    app: type[Any],
    name: str,
    said: Mapping[str, tuple[Any, str]],
    variables: Mapping[str, str],
    problems: list[str],
) -> Setting:
    if name in said:
        value, origin = said[name]
        try:
            made = app(config=Config({app.__name__: {name: value}}))
            return Setting(name=name, value=getattr(made, name), origin=origin)
        except TraitError as e:
            problems.append(f"{origin}: {' '.join(str(e).split())}")
            return Setting(name=name, value=value, origin=f"{origin} (not accepted)")
    variable = VARIABLES.get(name, "")
    origin = f"${variable}" if variables.get(variable) else "default"
    if name == "electricitymaps_token":  # taken out of the environment only when the server starts
        return Setting(name=name, value=variables.get(variable, ""), origin=origin)
    return Setting(name=name, value=getattr(app(), name), origin=origin)


def _unknown(name: str, path: str, traits: Mapping[str, object]) -> str:
    near = get_close_matches(name, traits, 1)
    return f"{path}: there is no c.GpuMon.{name}" + (f"; is {near[0]} meant?" if near else "")
