"""Code to be put into a cell: for the framework that is loaded, PyTorch where none is known."""

from __future__ import annotations

from collections.abc import Mapping

from ...findings import Code
from .stretch import Stretch

_INPUT = {
    "torch": """\
import os

from torch.utils.data import DataLoader

loader = DataLoader(
    dataset,  # yours
    batch_size=batch_size,
    shuffle=True,
    num_workers=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
    pin_memory=True,  # copies run beside the computing
    persistent_workers=True,  # the workers stay from epoch to epoch
    prefetch_factor=4,  # batches that each worker has ready
)
for batch in loader:
    batch = batch.to("cuda", non_blocking=True)
    ...
# Still waiting? Decode and augment on the GPU: https://docs.nvidia.com/deeplearning/dali
""",
    "tensorflow": """\
import tensorflow as tf

dataset = (
    dataset.map(prepare, num_parallel_calls=tf.data.AUTOTUNE)  # yours
    .cache()  # where it fits into memory
    .batch(batch_size)
    .prefetch(tf.data.AUTOTUNE)  # the next batch is made while this one is computed
)
""",
    "numpy": """\
from concurrent.futures import ThreadPoolExecutor
from itertools import islice


def ahead(load, items, workers=8, depth=16):
    \"\"\"What load gives of each item, made by threads before it is needed.\"\"\"
    items = iter(items)
    with ThreadPoolExecutor(workers) as pool:
        waiting = [pool.submit(load, item) for item in islice(items, depth)]
        while waiting:
            yield waiting.pop(0).result()
            waiting += [pool.submit(load, item) for item in islice(items, 1)]


for batch in ahead(load, paths):  # yours
    ...
""",
}
_PROFILE = {
    "torch": """\
from torch.profiler import ProfilerActivity, profile

with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as seen:
    step()  # yours: one step, or a few
print(seen.key_averages().table(sort_by="cuda_time_total", row_limit=15))
""",
    "tensorflow": """\
import tensorflow as tf

with tf.profiler.experimental.Profile("profile"):
    step()  # yours: one step, or a few
# %load_ext tensorboard
# %tensorboard --logdir profile
""",
    "numpy": """\
%load_ext jupyter_gpumon
import cProfile

cProfile.run("step()", sort="cumulative")  # yours: what the GPU waits for stands on top
""",
}
_BATCH = {
    "torch": """\
import torch

import jupyter_gpumon as gm

for batch in (%(now)s, %(then)s):
    torch.cuda.reset_peak_memory_stats()
    with gm.measure(f"batch {batch}") as m:
        step(batch)  # yours: one step with so many samples
        m.count(batch, "sample")
    print(batch, f"{torch.cuda.max_memory_allocated() / 1e9:.1f} GB", m.per("sample"), "J per sample")
""",
    "numpy": """\
import jupyter_gpumon as gm

for batch in (%(now)s, %(then)s):
    with gm.measure(f"batch {batch}") as m:
        step(batch)  # yours: one step with so many samples
        m.count(batch, "sample")
    print(batch, m.duration / batch, "s per sample", m.per("sample"), "J per sample")
""",
}
_PRECISION = {
    "torch": """\
import torch

torch.set_float32_matmul_precision("high")  # TF32 in what stays single precision
for batch, target in loader:  # yours
    optimizer.zero_grad(set_to_none=True)
    with torch.autocast("cuda", dtype=torch.bfloat16):  # no GradScaler is needed with bfloat16
        loss = criterion(model(batch), target)
    loss.backward()
    optimizer.step()
""",
    "tensorflow": """\
import tensorflow as tf

tf.keras.mixed_precision.set_global_policy("mixed_bfloat16")  # before the model is built
""",
    "jax": """\
import jax

jax.config.update("jax_default_matmul_precision", "bfloat16")
""",
    "cupy": """\
import cupy

x = cupy.asarray(x, dtype=cupy.float16)  # yours; products of float16 run on tensor cores
""",
}
_FRAGMENTS = {
    "torch": """\
import os

os.environ["PYTORCH_CUDA_ALLOC_CONF"] = "expandable_segments:True"  # before CUDA is first used: restart the kernel

import torch

print(torch.cuda.memory_summary(abbreviated=True))
""",
}
_CAP = """\
!nvidia-smi --query-gpu=index,power.draw,power.limit,power.default_limit,power.max_limit --format=csv
# By the administrator: nvidia-smi --id=%(index)s --power-limit=WATTS
"""
_HEAT = """\
!nvidia-smi --id=%(index)s --query-gpu=temperature.gpu,fan.speed,clocks.sm,clocks_throttle_reasons.active --format=csv
# By the administrator, until it is cooled better: nvidia-smi --id=%(index)s --power-limit=WATTS
"""
_LEAK = {
    "torch": """\
import gc

import torch

gc.collect()
torch.cuda.empty_cache()
held = [x for x in gc.get_objects() if torch.is_tensor(x) and x.is_cuda]
held.sort(key=lambda x: -x.element_size() * x.nelement())
for x in held[:10]:
    print(f"{x.element_size() * x.nelement() / 1e6:10.1f} MB", tuple(x.shape), x.dtype, "grad" if x.grad_fn else "")
# Losses kept for a curve hold their graph: losses.append(loss.item()), not losses.append(loss)
""",
    "numpy": """\
import gc

gc.collect()
for name, value in sorted(globals().items(), key=lambda named: -getattr(named[1], "nbytes", 0))[:10]:
    if getattr(value, "nbytes", 0):
        print(f"{value.nbytes / 1e6:10.1f} MB  {name}")
# Out and _ keep the last values of cells: %%reset -f out
""",
}
_SPREAD = {
    "torch": """\
%%%%writefile train_all.py
import torch
from torch.distributed import destroy_process_group, init_process_group
from torch.nn.parallel import DistributedDataParallel

init_process_group("nccl")
rank = torch.distributed.get_rank()
torch.cuda.set_device(rank)
model = DistributedDataParallel(build_model().cuda(rank), device_ids=[rank])  # yours
...  # the loader takes a torch.utils.data.distributed.DistributedSampler
destroy_process_group()
# then, in a cell: !torchrun --standalone --nproc-per-node=%(count)s train_all.py
""",
    "tensorflow": """\
import tensorflow as tf

with tf.distribute.MirroredStrategy().scope():
    model = build_model()  # yours
    model.compile(optimizer="adam", loss=loss)
""",
    "numpy": """\
import os
import subprocess
import sys

# A job per GPU, side by side; each sees its own as device 0.
jobs = [
    subprocess.Popen([sys.executable, "job.py", str(part)], env=os.environ | {"CUDA_VISIBLE_DEVICES": str(part)})
    for part in range(%(count)s)
]
for job in jobs:
    job.wait()
""",
}
_LINKS = """\
import os

os.environ["NCCL_DEBUG"] = "INFO"  # says which way it takes: look for P2P, NVLS, and not for SHM or NET
os.environ.pop("NCCL_P2P_DISABLE", None)
os.environ["NCCL_ALGO"] = "Tree"  # against Ring: try both, over several nodes above all
!nvidia-smi topo -m
!nvidia-smi nvlink --status
"""
_WARM = {
    "torch": """\
import torch

for _ in range(3):  # compiles, allocates, tunes
    step()  # yours
torch.cuda.synchronize()
%%timeit -n 20 step(); torch.cuda.synchronize()
""",
    "jax": """\
import jax

jax.config.update("jax_compilation_cache_dir", ".jax-cache")  # compiled once, also for the next kernel
jax.block_until_ready(step())  # yours: compiles
%%timeit -n 20 jax.block_until_ready(step())
""",
    "numpy": """\
for _ in range(3):  # compiles, allocates, tunes
    step()  # yours
%%timeit -n 20 step()
""",
}
_THREADS = {
    "torch": """\
import torch

torch.set_num_threads(%(each)s)  # of this process; loader workers use one each
loader = torch.utils.data.DataLoader(dataset, batch_size=batch_size, num_workers=%(workers)s)  # yours
""",
    "numpy": """\
import os

# Before NumPy is first imported: restart the kernel.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "%(each)s"
""",
}
_CACHE = """\
import functools


@functools.lru_cache(maxsize=%(size)s)  # None where all of it fits
def %(name)s(key): ...  # yours
"""
_FIT = {
    "torch": """\
import gc

import torch

gc.collect()
torch.cuda.empty_cache()
steps = %(steps)s  # as many samples in all, a part of them at a time
optimizer.zero_grad(set_to_none=True)
for part, wanted in zip(batch.chunk(steps), target.chunk(steps)):  # yours
    with torch.autocast("cuda", dtype=torch.bfloat16):
        loss = criterion(model(part), wanted) / steps
    loss.backward()
optimizer.step()
""",
    "tensorflow": """\
import tensorflow as tf

for gpu in tf.config.list_physical_devices("GPU"):  # before the first operation: restart the kernel
    tf.config.experimental.set_memory_growth(gpu, True)
tf.keras.mixed_precision.set_global_policy("mixed_bfloat16")
batch_size = max(1, batch_size // %(steps)s)  # yours
""",
    "jax": """\
import os

os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"  # before JAX is first used: restart the kernel
batch_size = max(1, batch_size // %(steps)s)  # yours
""",
    "cupy": """\
import cupy

cupy.get_default_memory_pool().free_all_blocks()
for part in cupy.array_split(x, %(steps)s):  # yours: a part at a time
    ...
""",
}
_BENCH = """\
%load_ext jupyter_gpumon
%gpumon bench --force
"""
_TEXTS: dict[str, tuple[str, Mapping[str, str] | str]] = {
    "input": ("Load the next batches while this one is computed", _INPUT),
    "profile": ("What does a step spend its time on?", _PROFILE),
    "batch": ("What does a larger batch cost?", _BATCH),
    "precision": ("Compute in bfloat16 where that is enough", _PRECISION),
    "fragments": ("Let the allocator's segments grow", _FRAGMENTS),
    "cap": ("See the power limit", _CAP),
    "heat": ("See what heat does", _HEAT),
    "leak": ("What holds the memory?", _LEAK),
    "spread": ("Use all GPUs", _SPREAD),
    "links": ("See which way GPUs talk to one another", _LINKS),
    "warm": ("Leave the first runs out", _WARM),
    "threads": ("As many threads as there are CPUs", _THREADS),
    "cache": ("A larger cache", _CACHE),
    "fit": ("Less at a time", _FIT),
    "bench": ("Measure this GPU again", _BENCH),
}
_ORDER = ("torch", "tensorflow", "jax", "cupy", "numpy")


def code(kind: str, stretch: Stretch, **numbers: object) -> Code:
    """Code of this kind, with these numbers in it; for the first framework loaded that there is code for."""
    title, texts = _TEXTS[kind]
    if not isinstance(texts, str):
        loaded = next((name for name in _ORDER if name in stretch.frameworks and name in texts), None)
        texts = texts[loaded or next(iter(texts))]
    return Code(title=title, source=(texts % numbers if numbers else texts.replace("%%", "%")).strip("\n"))
