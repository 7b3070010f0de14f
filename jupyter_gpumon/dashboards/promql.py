"""Rules of one's own as Prometheus's: the condition as PromQL, over the metrics that gpumon serves."""

from __future__ import annotations

from ..errors import RuleError
from ..exposition.names import GPU
from ..exposition.native import CONSTANTS
from ..metrics import HOST_METRICS, METRICS
from ..rules import Threshold
from ..rules.expression import Node
from ..rules.expression.nodes import Binary, Held, Name, Number, Over, Unary, walk
from .expressions import gpu, host
from .rules import GPU as WHERE
from .rules import Rule

_WHOLE = {"mean": "avg_over_time", "max": "max_over_time", "min": "min_over_time"}
_GROWTH = {("rate", True): "rate", ("delta", True): "increase", ("rate", False): "deriv", ("delta", False): "delta"}
_THERE = "gpumon_gpu_up"
"""A series of every GPU, for what has no labels of its own."""
_EVERY = "15s"
"""Between two points of a subquery."""


def translated(rule: Threshold) -> Rule:
    """The rule for Prometheus. ``clear`` and ``devices`` stay behind: it has no hysteresis, and labels for those.

    Raises:
        RuleError: it asks for what Prometheus does not have.
    """
    summary = f"{rule.title or rule.id} ({'host {{ $labels.hostname }}' if _of_host(rule.when) else WHERE})"
    description = " ".join(filter(None, (rule.detail or f"{rule.text}.", *rule.steps)))
    name = "".join(part.capitalize() for part in rule.id.split("-"))
    try:
        expression = promql(rule.when)
    except RuleError as e:
        raise RuleError(f"The rule {rule.id} cannot be given to Prometheus: {e}") from e
    return Rule(name, expression, f"{rule.hold:g}s", rule.level, summary, description)


def promql(node: Node) -> str:
    """An expression in PromQL.

    Raises:
        RuleError: there is no series for a part of it.
    """
    if isinstance(node, Number):
        return f"{node.value:g}"
    if isinstance(node, Name):
        return _name(node.name)
    if isinstance(node, Held):
        return f'max without (event) ({gpu(node.name)}{{event="{node.word}"}}) > 0'
    if isinstance(node, Unary):
        return _unary(node)
    if isinstance(node, Over):
        return _over(node)
    if isinstance(node, Binary):
        return _binary(node)
    raise RuleError("fleet_mean, fleet_max and fleet_min compare GPUs at one moment of one sampler")


def _name(name: str) -> str:
    if name in METRICS:
        return gpu(name)
    if name.removeprefix("host.") in HOST_METRICS and name.startswith("host."):
        return host(name.removeprefix("host."))
    unit = next((unit for known, unit, _ in CONSTANTS if known == name), None)
    if unit is None:
        raise RuleError(f"{name} is not among the metrics that are served")
    return f"{GPU}{name}_{unit}"


def _unary(node: Unary) -> str:
    if node.op == "not":
        return f"{_THERE} unless ({promql(node.arg)})"
    return f"abs({promql(node.arg)})" if node.op == "abs" else f"-({promql(node.arg)})"


def _over(node: Over) -> str:
    span = f"[{node.seconds:g}s"
    single = isinstance(node.arg, Name)
    over = f"{promql(node.arg)}{span}]" if single else f"({promql(node.arg)}){span}:{_EVERY}]"
    counts = isinstance(node.arg, Name) and _counts(node.arg.name)
    return f"{_WHOLE.get(node.function) or _GROWTH[node.function, counts]}({over})"


def _counts(name: str) -> bool:
    found = METRICS.get(name) or HOST_METRICS.get(name.removeprefix("host."))
    return found is not None and found.kind == "counter"


def _binary(node: Binary) -> str:
    left, right = promql(node.left), promql(node.right)
    if node.op == "first":
        spare = right if any(isinstance(part, Name) for part in walk(node.right)) else f"{_THERE} * 0 + {right}"
        return f"({left} or {spare})"
    mixed = _of_host(node.left) != _of_host(node.right)
    if mixed and node.op == "and" and _of_host(node.left):
        left, right = right, left  # the left side's labels are kept: those of the GPU
    if node.op in ("and", "or"):
        return f"({left}) {node.op}{' on (hostname)' if mixed else ''} ({right})"
    if mixed and all(any(isinstance(part, Name) for part in walk(side)) for side in node.parts):
        raise RuleError("a number of the host cannot be reckoned with one of a GPU there")
    return f"({left}) {node.op} ({right})"


def _of_host(node: Node) -> bool:
    """Whether all its series are the host's."""
    found = [part.name for part in walk(node) if isinstance(part, Name)]
    return bool(found) and all(name.startswith("host.") for name in found)
