"""Rules that are data: what they may say, and what they find."""

from __future__ import annotations

import pytest

from jupyter_gpumon.errors import RuleError
from jupyter_gpumon.rules import Window, read_file, read_rule, read_rules, write_rule

from .feed import hello, sample

HOT = {"id": "hot", "when": "temperature > 85", "for": 30, "clear": "temperature < 80", "level": "critical"}


def test_a_rule_finds_what_its_condition_says():
    """On the device it is true for, with its value in words."""
    rule, window = read_rule(HOT | {"title": "Too hot", "steps": ["Look at the fans."]}), Window()
    window.push(hello(2))
    window.push(sample(0, {"temperature": 70.0}, {"temperature": 91.0}))
    (finding,) = rule.check(window)
    assert (finding.rule, finding.level, finding.uuid, finding.value, finding.unit) == (
        "hot",
        "critical",
        "GPU-1",
        91.0,
        "celsius",
    )
    assert (finding.title, finding.detail, finding.steps) == ("Too hot", "Temperature 91 °C", ("Look at the fans.",))


def test_what_was_found_is_over_only_when_clear_says_so():
    """Between both thresholds it goes on."""
    rule, window = read_rule(HOT), Window()
    window.push(hello())
    window.push(sample(0, {"temperature": 91.0}))
    (finding,) = rule.check(window)
    window.push(sample(1, {"temperature": 82.0}))
    assert not rule.check(window)
    assert rule.still(window, finding)
    window.push(sample(2, {"temperature": 79.0}))
    assert not rule.still(window, finding)


def test_a_rule_is_for_the_devices_it_names():
    """By label."""
    rule, window = read_rule(HOT | {"devices": ["gpu0"]}), Window()
    window.push(hello(2))
    window.push(sample(0, {"temperature": 91.0}, {"temperature": 91.0}))
    assert [finding.uuid for finding in rule.check(window)] == ["GPU-0"]


def test_a_rule_reads_back_as_it_was_written():
    """What the editor is given is what it sent."""
    data = HOT | {"title": "Too hot", "steps": ["Look."], "devices": ["gpu0"], "cause": "heat", "code": "x = 1"}
    assert write_rule(read_rule(data)) == data
    assert read_rule(HOT | {"for": "5 min"}).hold == 300.0


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"id": "Hot!"}, "lower case"),
        ({"when": "temprature > 85"}, r'rule hot, "when", column 1.*did you mean temperature'),
        ({"clear": "temperature <"}, r'"clear", column 14'),
        ({"level": "bad"}, "critical, warning, info"),
        ({"for": "soon"}, "a time of up to a day"),
        ({"for": True}, "a time of up to a day"),
        ({"form": 3}, "which no rule has"),
        ({"steps": [1]}, "list of texts"),
        ({"title": 3}, "is a text"),
        ({"when": 85}, "in quotes"),
    ],
)
def test_a_rule_that_cannot_be_is_refused_by_name(change, says):
    """With what to write instead."""
    with pytest.raises(RuleError, match=says):
        read_rule(HOT | change)


def test_rules_are_switched_off_by_id_and_are_unique(tmp_path):
    """None stands for one that is off."""
    assert read_rules([{"id": "gpu-hot", "enabled": False}]) == {"gpu-hot": None}
    with pytest.raises(RuleError, match="Two rules are called hot"):
        read_rules([HOT, HOT])
    (tmp_path / "rules.toml").write_text('[[rule]]\nid = "hot"\nwhen = "temperature > 85"\nfor = "5 min"\n')
    assert read_file(tmp_path / "rules.toml")["hot"].hold == 300.0
    (tmp_path / "rules.toml").write_text("rule = [")
    with pytest.raises(RuleError, match=r"rules\.toml cannot be read"):
        read_file(tmp_path / "rules.toml")
