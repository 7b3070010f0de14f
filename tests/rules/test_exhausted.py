"""Out of memory: what exceptions of each framework say, and what is made of it."""

from __future__ import annotations

import pytest

from jupyter_gpumon.kernel.failures import exhausted
from jupyter_gpumon.report.advice import of_stream
from jupyter_gpumon.rules.advice import Stretch
from jupyter_gpumon.rules.advice.exhausted import Exhausted, explain, fitting, read

from .scenes import GB, made, steady

GIB = 2.0**30
TORCH = (
    "CUDA out of memory. Tried to allocate 20.00 GiB. GPU 1 has a total capacity of 79.15 GiB of which 3.19 GiB is "
    "free. Process 1234 has 75.90 GiB memory in use. Of the allocated memory 70.00 GiB is allocated by PyTorch, and "
    "5.00 GiB is reserved by PyTorch but unallocated. If reserved but unallocated memory is large try setting "
    "PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True to avoid fragmentation."
)
TORCH_OLD = (
    "CUDA out of memory. Tried to allocate 20.00 MiB (GPU 0; 7.79 GiB total capacity; 6.20 GiB already allocated; "
    "5.00 MiB free; 6.50 GiB reserved in total by PyTorch) If reserved memory is >> allocated memory try setting "
    "max_split_size_mb"
)
CUPY = "Out of memory allocating 4,000,000,000 bytes (allocated so far: 12,000,000,512 bytes)."
TF = (
    "Graph execution error: OOM when allocating tensor with shape[32,1024,1024,64] and type float on "
    "/job:localhost/replica:0/task:0/device:GPU:0 by allocator GPU_0_bfc [Op:Conv2D]"
)
JAX = "RESOURCE_EXHAUSTED: Out of memory while trying to allocate 17179869184 bytes."


@pytest.mark.parametrize(
    ("name", "module", "text", "found"),
    [
        (
            "OutOfMemoryError", "torch", TORCH,
            Exhausted(framework="torch", device=1, asked=20 * GIB, total=79.15 * GIB, free=3.19 * GIB,
                      allocated=70 * GIB, reserved=75 * GIB),
        ),
        (
            "OutOfMemoryError", "torch.cuda", TORCH_OLD,
            Exhausted(framework="torch", device=0, asked=20 * 2**20, total=7.79 * GIB, free=5 * 2**20,
                      allocated=6.2 * GIB, reserved=6.5 * GIB),
        ),
        (
            "OutOfMemoryError", "cupy.cuda.memory", CUPY,
            Exhausted(framework="cupy", asked=4e9, allocated=12_000_000_512.0),
        ),
        (
            "ResourceExhaustedError", "tensorflow.python.framework.errors_impl", TF,
            Exhausted(framework="tensorflow", device=0, asked=4.0 * 32 * 1024 * 1024 * 64),
        ),
        ("XlaRuntimeError", "jaxlib.xla_extension", JAX, Exhausted(framework="jax", asked=17179869184.0)),
        ("RuntimeError", "builtins", "CUDA error: out of memory", Exhausted()),
        ("CudaAPIError", "numba.cuda", "[2] Call to cuMemAlloc results in CUDA_ERROR_OUT_OF_MEMORY", Exhausted()),
    ],
)  # fmt: skip
def test_what_an_exception_says_is_read(name, module, text, found):
    """By its name and its text: nothing is imported."""
    assert read(name, module, text) == found


@pytest.mark.parametrize(
    ("name", "module", "text"),
    [
        ("ValueError", "builtins", "the memory of this is bad"),
        ("MemoryError", "builtins", "Unable to allocate 8 GiB for an array"),
        ("OutOfMemoryError", "shop", "no more memory sticks"),
        ("ResourceExhaustedError", "grpc", "quota exceeded"),
        ("RuntimeError", "builtins", "CUDA error: device-side assert triggered"),
    ],
)
def test_what_is_about_something_else_is_left_alone(name, module, text):
    """Host memory, quotas, other errors of CUDA."""
    assert read(name, module, text) is None


def test_sizes_that_are_no_numbers_are_not_read():
    """A message of another shape is no reason to fail."""
    said = read("OutOfMemoryError", "torch", "CUDA out of memory. Tried to allocate .,. GiB. Tried 1.2.3 GiB")
    assert said is not None
    assert said.asked is None


def test_an_exception_that_came_from_one_is_seen_through():
    """Trainers wrap what happened; a text that cannot be made is no trouble."""

    class OutOfMemoryError(RuntimeError):
        __module__ = "torch"

    class Rude(Exception):
        def __str__(self):
            raise ValueError("no")

    wrapped = Rude()
    wrapped.__cause__ = OutOfMemoryError(TORCH)
    assert exhausted(wrapped).asked == 20 * GIB
    assert exhausted(Rude()) is None
    assert exhausted(None) is None


def _seen() -> Stretch:
    return of_stream(made(lambda at: steady(memory_used=min(76 * GB, at * GB))(at), seconds=120))


def test_the_explanation_says_who_held_what_and_what_would_fit():
    """80 GB, 16 of them another's: of 20 more on top of 55 (5 before) some 75 % fit within nine tenths."""
    said = Exhausted(framework="torch", asked=20e9, total=80e9, free=9e9)
    found = explain(said, _seen(), {"this notebook": 55e9, "other.ipynb": 16e9}, 55e9, before=5e9)
    assert found.level == "critical"
    assert "20.0 GB were asked for, 9.00 GB were free of 80.0 GB." in found.detail
    assert "Held: this notebook 55.0 GB, other.ipynb 16.0 GB." in found.detail
    assert "About 75 % of what the cell wanted would fit." in found.detail
    assert found.steps[0].startswith("Others hold much of this GPU")
    assert found.evidence[0].limit == 80e9
    assert max(found.evidence[0].values) == 76 * GB
    assert "chunk(steps)" in found.code.source
    assert "steps = 2 " in found.code.source


def test_torn_memory_is_told_apart():
    """As much as was asked for is reserved and not used: settings of the allocator help, without a smaller batch."""
    said = Exhausted(framework="torch", asked=4e9, total=80e9, allocated=60e9, reserved=70e9)
    found = explain(said, _seen(), {"this notebook": 71e9}, 71e9)
    assert "60.0 GB is in arrays, 10.0 GB reserved without use" in found.detail
    assert "expandable_segments" in found.steps[0]
    assert "expandable_segments" in found.code.source


@pytest.mark.parametrize(
    ("own", "others", "before", "share"),
    [
        (60e9, 0.0, 0.0, 0.9),
        (40e9, 0.0, 20e9, 1.0),
        (75e9, 0.0, 70e9, 2 / 25),
        (10e9, 72e9, 8e9, 0.0),
        (None, 0, 0, None),
    ],
)
def test_what_would_fit_is_a_share_of_what_grew(own, others, before, share):
    """Nine tenths of 80 GB less what others have and what was there before; unknown where its own part is."""
    assert fitting(Exhausted(asked=20e9), 80e9, own, others, before) == (
        None if share is None else pytest.approx(share)
    )


def test_without_numbers_it_still_says_what_to_do():
    """Nothing is known but that it happened."""
    found = explain(Exhausted(), Stretch(start=0, end=1), {}, None)
    assert found.detail == "Memory was asked for."
    assert len(found.steps) >= 3
    assert found.evidence == ()
