"""Callbacks that measure a training: PyTorch Lightning, the Hugging Face ``Trainer``, Keras.

    trainer = lightning.pytorch.Trainer(callbacks=[LightningEnergy()])
    trainer = transformers.Trainer(…, callbacks=[TransformersEnergy(steps=100)])
    model.fit(…, callbacks=[KerasEnergy(show=True)])

Every epoch is a record of its own, with its steps counted (energy per step); with ``steps=100`` so is every hundred
steps. Nothing here imports a framework until a callback is made; then it is an instance of the framework's own base
class, as the framework asks for. A training goes on where nothing can be measured.
"""

# ruff: noqa: ARG002
# The frameworks pass these arguments, some of them by name.

from __future__ import annotations

import functools
import importlib
import sys
import warnings
from collections import deque
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar

from .errors import GpuMonError

if TYPE_CHECKING:
    from .kernel.measure import Measurement

__all__ = ["KerasEnergy", "LightningEnergy", "TransformersEnergy"]

_KEPT = 2000
"""Measurements kept per callback."""


class _Training:
    """What the three have in common: epochs and steps as measurements."""

    _bases: ClassVar[tuple[str, ...]] = ()
    """Where the framework's base class is, ``module:name``, the likeliest first."""

    def __new__(cls, *_: Any, **__: Any) -> Any:
        """An instance that is also one of the framework's base class, where the framework is there."""
        base = None if "_gpumon_base" in vars(cls) else _found(cls._bases)
        return object.__new__(cls if base is None or issubclass(cls, base) else _join(cls, base))

    def __init__(
        self,
        *,
        steps: int | None = None,
        devices: Sequence[str | int] | None = None,
        sync: bool = True,
        show: bool = False,
    ) -> None:
        """Measure every epoch.

        Args:
            steps: measure every so many steps too; None measures epochs only.
            devices: names of GPUs to count, as ``measure`` takes them; None counts those used.
            sync: wait at the end of an epoch, or of ``steps`` steps, for the GPU to finish.
            show: show each epoch's record as output.
        """
        super().__init__()
        self.epochs: deque[Measurement] = deque(maxlen=_KEPT)
        """The measured epochs, oldest first."""
        self.blocks: deque[Measurement] = deque(maxlen=_KEPT)
        """The measured blocks of steps, oldest first."""
        self._options: dict[str, Any] = {"steps": steps, "devices": devices, "sync": sync, "show": show}
        self._epoch: Measurement | None = None
        self._block: Measurement | None = None
        self._in_block = self._step = 0
        self._off = False

    def __reduce__(self) -> Any:
        """As another process or a copy is given it: with its options, and nothing measured."""
        public = next(
            kind for kind in type(self).__mro__ if "_bases" in vars(kind) and "_gpumon_base" not in vars(kind)
        )
        return functools.partial(public, **self._options), ()

    def _begin_epoch(self, number: int) -> None:
        self._end_epoch()
        self._epoch = self._open(f"epoch {number}", show=self._options["show"])

    def _begin_step(self, number: int) -> None:
        self._step = number
        if self._options["steps"] and self._block is None:
            self._block, self._in_block = self._open(f"steps from {number}"), 0

    def _end_step(self, samples: int | None = None, tokens: float | None = None) -> None:
        counted = {"step": 1.0, "sample": samples, "token": tokens}
        for open_ in (self._epoch, self._block):
            for unit, number in counted.items():
                if open_ is not None and number:
                    open_.count(number, unit)
        self._in_block += 1
        if self._block is not None and self._in_block >= self._options["steps"]:
            self._end_block()

    def _end_block(self, error: BaseException | None = None) -> None:
        if self._block is not None:
            _close(self._block, self.blocks, error)
            self._block = None

    def _end_epoch(self, error: BaseException | None = None) -> None:
        self._end_block(error)
        if self._epoch is not None:
            _close(self._epoch, self.epochs, error)
            self._epoch = None

    def _open(self, title: str, *, show: bool = False) -> Measurement | None:
        """Begin to measure; None, said once, where that cannot be."""
        if self._off:
            return None
        from .kernel.measure import measure

        try:
            return measure(title, devices=self._options["devices"], sync=self._options["sync"], show=show).__enter__()
        except GpuMonError as e:
            self._off = True
            warnings.warn(f"The energy of this training is not measured: {e}", RuntimeWarning, stacklevel=3)
            return None


class LightningEnergy(_Training):
    """For ``Trainer(callbacks=[…])`` of PyTorch Lightning. An epoch ends with its validation."""

    _bases = ("lightning.pytorch.callbacks:Callback", "pytorch_lightning.callbacks:Callback")

    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        """An epoch begins."""
        self._begin_epoch(int(trainer.current_epoch))

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        """A batch begins."""
        self._begin_step(batch_idx)

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """A batch is done."""
        self._end_step(samples=_size(batch))

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """An epoch is done."""
        self._end_epoch()

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """The training was broken off."""
        self._end_epoch(exception)


class TransformersEnergy(_Training):
    """For ``Trainer(callbacks=[…])`` of Hugging Face transformers; an instance or the class itself.

    Tokens are counted where the training arguments have ``include_num_input_tokens_seen``.
    """

    _bases = ("transformers.trainer_callback:TrainerCallback",)
    _tokens = 0.0

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """What was left open by a training that was broken off is closed."""
        self._end_epoch()

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """An epoch begins."""
        self._tokens = _tokens(state)
        self._begin_epoch(int(state.epoch or 0))

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """An optimizer step begins; it may take several batches."""
        self._begin_step(int(state.global_step))

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """An optimizer step is done."""
        seen = _tokens(state)
        self._end_step(tokens=seen - self._tokens)
        self._tokens = seen

    def on_epoch_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """An epoch is done."""
        self._end_epoch()

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """The training is done, perhaps within an epoch."""
        self._end_epoch()


class KerasEnergy(_Training):
    """For ``fit(callbacks=[…])`` of Keras 3, ``tf.keras`` and ``tf_keras``. An epoch ends with its validation."""

    _bases = ("keras.callbacks:Callback", "tf_keras.callbacks:Callback")

    def on_train_begin(self, logs: Any = None) -> None:
        """What was left open by a training that was broken off is closed: Keras tells nobody."""
        self._end_epoch()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """An epoch begins."""
        self._begin_epoch(epoch)

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """A batch begins."""
        self._begin_step(batch)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """A batch is done."""
        self._end_step()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """An epoch is done."""
        self._end_epoch()

    def on_train_end(self, logs: Any = None) -> None:
        """The training is done."""
        self._end_epoch()


def _close(open_: Measurement, kept: deque[Measurement], error: BaseException | None = None) -> None:
    trace: TracebackType | None = None if error is None else error.__traceback__
    open_.__exit__(None if error is None else type(error), error, trace)
    kept.append(open_)


def _found(places: Sequence[str]) -> type | None:
    """The base class of the framework that is loaded; of the first that is installed where none is."""
    loaded = [place for place in places if place.split(".")[0].split(":")[0] in sys.modules]
    for place in (*loaded, *places):
        module, name = place.split(":")
        try:
            found = getattr(importlib.import_module(module), name, None)
        except ImportError:
            continue
        if isinstance(found, type):
            return found
    return None


_joined: dict[tuple[type, type], type] = {}


def _join(cls: type, base: type) -> type:
    if (cls, base) not in _joined:
        names = {"__module__": cls.__module__, "__doc__": cls.__doc__, "_gpumon_base": base}
        _joined[cls, base] = type(cls.__name__, (cls, base), names)
    return _joined[cls, base]


def _size(batch: Any) -> int | None:
    """Samples in a batch: the first dimension of its first tensor; None where there is none."""
    for _ in range(4):  # a batch may be a list of dictionaries of tensors
        shape = getattr(batch, "shape", None)
        if shape is not None:
            return int(shape[0]) if len(shape) else None
        if isinstance(batch, dict) and batch:
            batch = next(iter(batch.values()))
        elif isinstance(batch, (list, tuple)) and batch:
            batch = batch[0]
        else:
            return None
    return None


def _tokens(state: Any) -> float:
    """Tokens the trainer has seen; 0 where it does not count them."""
    return float(getattr(state, "num_input_tokens_seen", 0) or 0)
