"""From findings to alerts: hold, clear, one per trouble, restarts."""

from __future__ import annotations

import pytest

from jupyter_gpumon.alerts import Alerts, event, replayed
from jupyter_gpumon.findings import Finding
from jupyter_gpumon.model import Hello, Host
from jupyter_gpumon.rules import Window, read_rule

from .feed import START, hello, sample

HOT = read_rule({"id": "hot", "when": "temperature > 85", "for": 30, "clear": "temperature < 80", "cause": "heat"})
HOTTER = read_rule({"id": "hotter", "when": "temperature > 95", "level": "critical", "cause": "heat"})


def stream(*temperatures: float | None):
    """One GPU, a sample a second."""
    yield hello()
    for at, value in enumerate(temperatures):
        yield sample(float(at), {"temperature": value})


def told(rules, messages) -> list[tuple[str, str, float]]:
    """Rule, state and second of everything that was said."""
    alerts, said = Alerts(rules), []
    alerts.listeners.append(lambda a: said.append((a.finding.rule, a.state, alerts.window.time - START)))
    for message in messages:
        alerts.write(message)
    return said


def test_an_alert_fires_only_after_it_has_held():
    """Above 85 °C for 10 s is quiet; for 40 s it fires, once, and is resolved once."""
    assert told([HOT], stream(*[90.0] * 10, *[70.0] * 10)) == []
    assert told([HOT], stream(*[90.0] * 40, *[70.0] * 10)) == [("hot", "firing", 30.0), ("hot", "resolved", 40.0)]


def test_between_both_thresholds_it_goes_on():
    """It does not flap: 82 °C neither fires nor resolves."""
    assert told([HOT], stream(*[90.0] * 31, *[82.0, 90.0] * 20)) == [("hot", "firing", 30.0)]
    assert told([HOT], stream(*[82.0] * 60)) == []


def test_what_is_unknown_neither_fires_nor_resolves():
    """A temperature that cannot be read is not a cold one."""
    assert told([HOT], stream(*[90.0] * 31, *[None] * 20)) == [("hot", "firing", 30.0)]


def test_the_gravest_of_one_cause_stands_for_all():
    """A GPU of 96 °C is one alert; the lesser one fires when the graver is over."""
    said = told([HOT, HOTTER], stream(*[96.0] * 60, *[90.0] * 10))
    assert said == [("hotter", "firing", 0.0), ("hotter", "resolved", 60.0), ("hot", "firing", 60.0)]


def test_of_one_cause_there_is_one_alert():
    """Between equals the one that fired first stands; a graver one takes its place, also while it only goes on."""
    warm = read_rule({"id": "warm", "when": "temperature > 80", "clear": "temperature < 60", "cause": "heat"})
    grave = read_rule(
        {"id": "hotter", "when": "temperature > 95", "clear": "temperature < 70", "level": "critical", "cause": "heat"}
    )
    assert told([HOT, warm], stream(*[90.0] * 40)) == [("warm", "firing", 0.0)]
    said = told([warm, grave], stream(90.0, 96.0, 90.0, 65.0, 65.0))
    assert [(rule, state) for rule, state, _ in said] == [
        ("warm", "firing"),
        ("hotter", "firing"),
        ("warm", "resolved"),
        ("hotter", "resolved"),
    ]


def test_what_fires_stays_while_the_driver_tells_of_no_gpu():
    """A driver that is being restarted says nothing of their temperature."""
    away = [sample(2.0, host=Host(cpu=0.1)), sample(3.0, host=Host(cpu=0.1))]
    assert told([HOTTER], [*stream(96.0, 96.0), *away]) == [("hotter", "firing", 0.0)]


def test_each_device_is_a_trouble_of_its_own():
    """Two hot GPUs are two alerts."""
    alerts = Alerts([HOTTER])
    alerts.write(hello(2))
    alerts.write(sample(0, {"temperature": 96.0}, {"temperature": 97.0}))
    assert {alert.finding.uuid for alert in alerts.firing.values()} == {"GPU-0", "GPU-1"}


def test_a_rule_that_fails_is_said_once_and_the_others_go_on(caplog):
    """It may be somebody else's."""

    class Broken:
        id, hold = "broken", 0.0

        def conditions(self):
            return ()

        def check(self, window: Window) -> list[Finding]:
            raise KeyError("no")

        def still(self, window: Window, finding: Finding) -> bool:
            return False

    assert told([Broken(), HOTTER], stream(96.0, 96.0, 96.0)) == [("hotter", "firing", 0.0)]
    assert caplog.text.count("the rule broken failed") == 1


def test_what_fired_before_a_restart_goes_on_and_is_resolved_by_its_id():
    """Nothing is said twice."""
    (before,) = replayed([HOT], stream(*[90.0] * 40))
    assert before.state == "firing"
    alerts, said = Alerts([HOT]), []
    alerts.adopt([before])
    alerts.listeners.append(said.append)
    for message in stream(90.0, 90.0, 70.0):
        alerts.write(message)
    assert [(alert.id, alert.state) for alert in said] == [(before.id, "resolved")]


def test_an_alert_that_was_acknowledged_stays_so():
    """Until it is resolved."""
    alerts = Alerts([HOTTER])
    for message in stream(96.0):
        alerts.write(message)
    (alert,) = alerts.firing.values()
    assert alerts.mark(alert.id, acknowledged=5.0) is not None
    alerts.write(sample(1, {"temperature": 99.0}))
    (after,) = alerts.firing.values()
    assert (after.acknowledged, after.peak, after.finding.value) == (5.0, 99.0, 99.0)
    assert alerts.mark("no such", snoozed=1.0) is None


def test_a_rule_that_is_gone_fires_no_more():
    """What it fired is resolved."""
    alerts, said = Alerts([HOTTER]), []
    alerts.listeners.append(lambda alert: said.append(alert.state))
    for message in stream(96.0):
        alerts.write(message)
    alerts.use([])
    alerts.write(sample(1, {"temperature": 96.0}))
    assert said == ["firing", "resolved"]


def test_an_alert_rides_in_the_stream_as_an_event():
    """With its title and level; one that is over is information."""
    (alert,) = replayed([HOTTER], stream(96.0, 70.0))
    over = event(alert, 1.0)
    assert (over.kind, over.level, over.uuid, over.until) == ("alert", "info", "GPU-0", START + 1)
    assert over.alert == alert


def test_a_lost_source_resolves_nothing():
    """Whether it is over is not known."""
    assert told([HOTTER], [*stream(96.0), Hello()]) == [("hotter", "firing", 0.0)]


@pytest.mark.parametrize("field", ["since", "fired"])
def test_times_are_those_of_the_samples(field):
    """Since when it held, and when it fired."""
    (alert,) = replayed([HOT], stream(*[90.0] * 31))
    assert getattr(alert, field) - START == {"since": 0.0, "fired": 30.0}[field]
