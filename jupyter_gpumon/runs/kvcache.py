"""How many bytes a model's key-value cache takes, by its shape: nothing is asked of the GPU, nothing is waited for."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ..errors import RunError

METRIC = "kv_cache_memory_bytes"
"""The metric under which Transformers' continuous batching tells it too."""

_BOTH = 2
"""A key and a value."""
_SAYS = {
    "layers": "num_hidden_layers", "kv_heads": "num_key_value_heads", "head_dim": "head_dim", "bytes_per_param": "dtype"
}  # fmt: skip
"""Argument → what a model's configuration calls it."""


def kv_cache_bytes(
    config: Any = None,
    *,
    used_blocks: int,
    block_size: int,
    layers: int | None = None,
    kv_heads: int | None = None,
    head_dim: int | None = None,
    bytes_per_param: float | None = None,
) -> int:
    """Bytes of a paged cache: layers · used_blocks · block_size · kv_heads · head_dim · 2 · bytes_per_param.

        gm.log_metric("kv_cache_memory_bytes", gm.kv_cache_bytes(model.config, used_blocks=812, block_size=32))

    Args:
        config: a configuration as Transformers has them (``model.config``); what is given beside it goes before it.
        used_blocks: blocks in use; of a cache without blocks, its tokens.
        block_size: tokens in a block; then 1.
        layers: layers with a cache, all of one shape.
        kv_heads: heads of keys and values in a layer; fewer than those of the queries where several share one.
        head_dim: numbers in a head's key.
        bytes_per_param: bytes of each of those numbers: 2 for bfloat16.

    Raises:
        RunError: one of them is neither given nor in the configuration, or below zero.
    """
    given: dict[str, float | None] = {
        "layers": layers, "kv_heads": kv_heads, "head_dim": head_dim, "bytes_per_param": bytes_per_param,
    }  # fmt: skip
    text = _text(config)
    shape = {name: _known(name, text) if value is None else value for name, value in given.items()}
    total = float(_BOTH)
    for name, value in {"used_blocks": used_blocks, "block_size": block_size, **shape}.items():
        if value < 0:
            raise RunError(f"kv_cache_bytes: {name} is {value}; it cannot be below 0.")
        total *= value
    return round(total)


def _text(config: Any) -> Any:
    """The part of a configuration that is about the language model, where it has several."""
    ask = getattr(config, "get_text_config", None)
    return ask() if callable(ask) else config


def _known(name: str, config: Any) -> float:
    """What the configuration says."""
    found = _FOUND[name](config)
    if found is None:
        where = "there is no configuration" if config is None else f"{type(config).__name__} has no {_SAYS[name]}"
        raise RunError(f"kv_cache_bytes needs {name}, and {where}: give it, {name}=…")
    return found


def _heads(config: Any) -> int | None:
    """Without a number of its own each head has its keys and values."""
    shared = getattr(config, "num_key_value_heads", None)
    return getattr(config, "num_attention_heads", None) if shared is None else shared


def _dimension(config: Any) -> int | None:
    said: int | None = getattr(config, "head_dim", None)
    width, heads = (getattr(config, name, None) for name in ("hidden_size", "num_attention_heads"))
    return width // heads if said is None and width and heads else said


def _bytes(config: Any) -> float | None:
    """Of ``dtype``, called ``torch_dtype`` in older versions: a type of PyTorch or NumPy, or its name."""
    dtype = getattr(config, "dtype", None) or getattr(config, "torch_dtype", None)
    bits = re.search(r"\d+", str(dtype))  # float8_e4m3fn, torch.bfloat16
    return None if dtype is None or bits is None else int(bits[0]) / 8


_FOUND: dict[str, Callable[[Any], float | None]] = {
    "layers": lambda config: getattr(config, "num_hidden_layers", None),
    "kv_heads": _heads,
    "head_dim": _dimension,
    "bytes_per_param": _bytes,
}
