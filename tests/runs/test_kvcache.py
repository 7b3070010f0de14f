"""What a key-value cache takes: the formula, a model's configuration, and where a run shows it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

import jupyter_gpumon as gm
from jupyter_gpumon.errors import RunError
from jupyter_gpumon.runs import words

from .made import cell, metric, run

LLAMA = {"num_hidden_layers": 32, "num_attention_heads": 32, "hidden_size": 4096}
"""As Llama 2 7B is: no number of heads for keys and values of their own, and no dimension."""


def test_it_is_the_product_of_the_shape():
    """Keys and values of 32 layers with 8 heads of 128 numbers of 2 bytes: 128 KiB a token."""
    shape = {"layers": 32, "kv_heads": 8, "head_dim": 128, "bytes_per_param": 2}
    assert gm.kv_cache_bytes(used_blocks=1, block_size=1, **shape) == 131072
    assert gm.kv_cache_bytes(used_blocks=512, block_size=32, **shape) == 2 * 2**30
    assert gm.kv_cache_bytes(used_blocks=0, block_size=32, **shape) == 0


@pytest.mark.parametrize(
    ("config", "per_token"),
    [
        (LLAMA | {"torch_dtype": "float16"}, 32 * 32 * 128 * 2 * 2),
        (LLAMA | {"num_key_value_heads": 8, "dtype": "torch.bfloat16"}, 32 * 8 * 128 * 2 * 2),
        (LLAMA | {"num_key_value_heads": 8, "head_dim": 64, "dtype": "float8_e4m3fn"}, 32 * 8 * 64 * 2),
        (LLAMA | {"dtype": "float32"}, 32 * 32 * 128 * 2 * 4),
    ],
    ids=["every head its own", "heads that are shared", "another dimension, a byte", "four bytes"],
)
def test_a_models_configuration_says_its_shape(config, per_token):
    """Also of a model of several parts, whose text model counts; what is given goes before it."""
    text = SimpleNamespace(**config)
    whole = SimpleNamespace(get_text_config=lambda: text)
    assert gm.kv_cache_bytes(text, used_blocks=10, block_size=16) == 160 * per_token
    assert gm.kv_cache_bytes(whole, used_blocks=10, block_size=16) == 160 * per_token
    assert gm.kv_cache_bytes(text, used_blocks=10, block_size=16, layers=16) == 80 * per_token


@pytest.mark.parametrize(
    ("config", "more", "says"),
    [
        (None, {}, "needs layers, and there is no configuration: give it, layers=…"),
        (SimpleNamespace(**LLAMA), {}, "needs bytes_per_param, and SimpleNamespace has no dtype"),
        (SimpleNamespace(**LLAMA), {"bytes_per_param": -2}, "bytes_per_param is -2"),
    ],
)
def test_what_is_missing_is_named(config, more, says):
    """With what to give."""
    with pytest.raises(RunError, match=says):
        gm.kv_cache_bytes(config, used_blocks=1, block_size=1, **more)


def test_a_run_shows_it_beside_the_memory_of_its_gpus():
    """The most of both; without a record of the GPUs by itself."""
    logged = {"kv_cache_memory_bytes": metric(1e9, 2e9, 1.5e9, unit="bytes")}
    measured = cell(100.0, peak={"gpu0": {"memory_used": 38.2e9}, "gpu1": {"memory_used": 1e9}})
    beside = words.headline(run("serve", cell=measured, metrics=logged))
    assert "KV cache 2.00 GB of 38.2 GB in use at the peak" in beside
    assert "· KV cache 2.00 GB ·" in words.headline(run("serve", metrics=logged))
    assert "KV cache" not in words.headline(run("train", 100.0))
