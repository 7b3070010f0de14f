"""The callbacks of training frameworks, driven as these drive them. The frameworks are stood in for by small packages
with their base classes' names, hooks and arguments."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from jupyter_gpumon import callbacks

from .conftest import environment

LIGHTNING = """
    class Callback:
        state_key = "Callback"
        def setup(self, trainer, pl_module, stage): pass
        def teardown(self, trainer, pl_module, stage): pass
        def on_train_start(self, trainer, pl_module): pass
        def on_train_end(self, trainer, pl_module): pass
        def on_train_epoch_start(self, trainer, pl_module): pass
        def on_train_epoch_end(self, trainer, pl_module): pass
        def on_train_batch_start(self, trainer, pl_module, batch, batch_idx): pass
        def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx): pass
        def on_exception(self, trainer, pl_module, exception): pass

    class Trainer:
        def __init__(self, callbacks): self.callbacks, self.current_epoch = callbacks, 0
        def call(self, hook, *a, **k):
            for c in self.callbacks:
                assert isinstance(c, Callback)
                getattr(c, hook)(self, None, *a, **k)
        def fit(self, epochs, batches, work):
            self.call("setup", stage="fit"); self.call("on_train_start")
            try:
                for self.current_epoch in range(epochs):
                    self.call("on_train_epoch_start")
                    for i, batch in enumerate(batches):
                        self.call("on_train_batch_start", batch, i)
                        work(i)
                        self.call("on_train_batch_end", {"loss": 0}, batch, i)
                    self.call("on_train_epoch_end")
            except BaseException as e:
                self.call("on_exception", e); raise
            self.call("on_train_end"); self.call("teardown", stage="fit")
"""
TRANSFORMERS = """
    class TrainerCallback:
        def on_init_end(self, args, state, control, **kwargs): pass
        def on_train_begin(self, args, state, control, **kwargs): pass
        def on_train_end(self, args, state, control, **kwargs): pass
        def on_epoch_begin(self, args, state, control, **kwargs): pass
        def on_epoch_end(self, args, state, control, **kwargs): pass
        def on_step_begin(self, args, state, control, **kwargs): pass
        def on_step_end(self, args, state, control, **kwargs): pass
        def on_log(self, args, state, control, **kwargs): pass

    class State: epoch, global_step, num_input_tokens_seen = 0.0, 0, 0

    class Handler:
        def __init__(self, callbacks):
            self.callbacks = [c() if isinstance(c, type) else c for c in callbacks]
            assert all(isinstance(c, TrainerCallback) for c in self.callbacks)
        def call_event(self, event, state):
            for c in self.callbacks:
                got = getattr(c, event)(None, state, "control", model=None, processing_class=None, optimizer=None,
                                        lr_scheduler=None, train_dataloader=None, eval_dataloader=None)
                assert got is None
"""
KERAS = """
    class Callback:
        def __init__(self): self.params, self._model = None, None
        def set_params(self, params): self.params = params
        def set_model(self, model): self._model = model
        @property
        def model(self): return self._model
        def on_train_begin(self, logs=None): pass
        def on_train_end(self, logs=None): pass
        def on_epoch_begin(self, epoch, logs=None): pass
        def on_epoch_end(self, epoch, logs=None): pass
        def on_train_batch_begin(self, batch, logs=None): pass
        def on_train_batch_end(self, batch, logs=None): pass
        def on_test_begin(self, logs=None): pass

    def fit(callbacks, epochs, batches, work):
        for c in callbacks:
            assert isinstance(c, Callback)
            c.set_params({"epochs": epochs, "steps": batches, "verbose": 0}); c.set_model(object())
        call = lambda hook, *a: [getattr(c, hook)(*a) for c in callbacks]
        call("on_train_begin", None)
        for epoch in range(epochs):
            call("on_epoch_begin", epoch, None)
            for i in range(batches):
                call("on_train_batch_begin", i, None); work(i); call("on_train_batch_end", i, {"loss": 0.1})
            call("on_test_begin")
            call("on_epoch_end", epoch, {"loss": 0.1})
        call("on_train_end", {"loss": 0.1})
"""


@pytest.fixture
def python(tmp_path):
    """Runs a program with the stand-ins on its path; its output as words."""
    for name, code in (
        ("lightning/pytorch/callbacks", LIGHTNING),
        ("transformers/trainer_callback", TRANSFORMERS),
        ("keras/callbacks", KERAS),
    ):
        path = tmp_path / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        for folder in path.relative_to(tmp_path).parents[:-1]:
            (tmp_path / folder / "__init__.py").touch()
        path.write_text(textwrap.dedent(code))

    def run(code, source="sim:gpus=1&script=training", frameworks=True):
        paths = [str(Path(callbacks.__file__).parents[1]), *([str(tmp_path)] if frameworks else [])]
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(code)],
            env=environment(source, PYTHONPATH=":".join(paths)),
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.split()

    return run


def test_importing_them_imports_no_framework(python):
    """Nor the kernel's parts, numpy or IPython."""
    assert python("""
        import sys
        from jupyter_gpumon.callbacks import KerasEnergy, LightningEnergy, TransformersEnergy
        heavy = {"lightning", "transformers", "keras", "torch", "numpy", "IPython", "jupyter_gpumon.kernel"}
        print(sorted(heavy & set(sys.modules)))
    """) == ["[]"]


def test_lightning_measures_epochs_and_blocks_of_steps(python):
    """Two epochs of five batches: steps and samples counted, blocks of two steps, the rest of five a block of one."""
    energy, steps, samples, blocks, titles, in_blocks = python("""
        import time
        from lightning.pytorch.callbacks import Trainer
        from jupyter_gpumon.callbacks import LightningEnergy
        class Tensor: shape = (8, 3)
        c = LightningEnergy(steps=2, devices=[0])
        Trainer([c]).fit(2, [(Tensor(), Tensor())] * 5, lambda i: time.sleep(0.1))
        print(all(e.energy > 0 for e in c.epochs), [e.cell.counts["step"] for e in c.epochs] == [5, 5],
              [e.cell.counts["sample"] for e in c.epochs] == [40, 40], len(c.blocks),
              [e.cell.title for e in c.epochs] == ["epoch 0", "epoch 1"],
              [b.cell.counts["step"] for b in c.blocks] == [2, 2, 1] * 2)
    """)
    assert (energy, steps, samples, blocks, titles, in_blocks) == ("True", "True", "True", "6", "True", "True")


def test_a_training_that_fails_leaves_its_epoch_measured(python):
    """With the status of what ended it."""
    assert python("""
        import time
        from lightning.pytorch.callbacks import Trainer
        from jupyter_gpumon.callbacks import LightningEnergy
        def work(i):
            time.sleep(0.1)
            if i == 2: raise ValueError
        c = LightningEnergy(devices=[0])
        try: Trainer([c]).fit(1, [{"x": [1, 2]}] * 5, work)
        except ValueError: pass
        print(*(e.cell.status for e in c.epochs), c.epochs[0].cell.counts)
    """) == ["error", "{'step':", "2.0}"]


def test_transformers_measures_epochs_with_their_tokens(python):
    """Given as a class or an instance; a training that stops within an epoch is closed at its end."""
    assert python("""
        import time
        from transformers.trainer_callback import Handler, State
        from jupyter_gpumon.callbacks import TransformersEnergy
        handler, state = Handler([TransformersEnergy]), State()
        (c,) = handler.callbacks
        handler.call_event("on_init_end", state); handler.call_event("on_train_begin", state)
        for state.epoch in (0.0, 1.0):
            handler.call_event("on_epoch_begin", state)
            for _ in range(3):
                handler.call_event("on_step_begin", state); time.sleep(0.1)
                state.global_step += 1; state.num_input_tokens_seen += 512
                handler.call_event("on_step_end", state); handler.call_event("on_log", state)
            if not state.epoch: handler.call_event("on_epoch_end", state)
        handler.call_event("on_train_end", state)
        print(*(f"{e.cell.title}:{e.cell.counts['step']}:{e.cell.counts['token']}" for e in c.epochs))
    """) == ["epoch", "0:3.0:1536.0", "epoch", "1:3.0:1536.0"]


def test_keras_measures_epochs(python):
    """The base class's own state is there, and what an aborted fit left open is closed by the next."""
    assert python("""
        import pickle, time
        from keras.callbacks import Callback, fit
        from jupyter_gpumon.callbacks import KerasEnergy
        c = KerasEnergy(steps=3)
        def work(i):
            time.sleep(0.05)
            if i == 1 and not c.epochs: raise ValueError
        try: fit([c], 1, 4, work)
        except ValueError: pass
        fit([c], 2, 4, work)
        copy = pickle.loads(pickle.dumps(c))
        print(c.params["epochs"], c.model is not None, [e.cell.counts["step"] for e in c.epochs], len(c.blocks),
              isinstance(copy, Callback) and isinstance(copy, KerasEnergy) and not copy.epochs)
    """) == ["2", "True", "[1.0,", "4.0,", "4.0]", "5", "True"]


def test_a_training_goes_on_where_nothing_can_be_measured(python):
    """It is said once, as a warning; without the framework the callback is a plain object."""
    assert python(
        """
        import warnings
        from jupyter_gpumon.callbacks import KerasEnergy
        c = KerasEnergy(devices=["gpu7"])
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for epoch in range(2):
                c.on_epoch_begin(epoch); c.on_train_batch_begin(0); c.on_train_batch_end(0); c.on_epoch_end(epoch)
        print(len(c.epochs), len(caught), "gpu7" in str(caught[0].message), type(c).__mro__[1].__name__)
        """,
        frameworks=False,
    ) == ["0", "1", "True", "_Training"]
