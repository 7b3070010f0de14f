"""The queue of a target: nothing lost, nothing twice, whatever is the matter with the receiver."""

from __future__ import annotations

import logging
import time
from contextlib import closing

import msgspec
import pytest

from jupyter_gpumon.findings import Evidence
from jupyter_gpumon.model import Event, Sample
from jupyter_gpumon.sinks.notify import Pace
from jupyter_gpumon.sinks.urls import open_sink

from .conftest import HELLO, QUICK, alert
from .receiver import until


def test_an_alert_is_told_when_it_fires_when_it_grows_worse_and_when_it_is_over(receiver, opened):
    """Each with a key of its own; the same word a second time is none."""
    target = opened(f"webhook:{receiver.begin().url}")
    for _ in range(3):
        target.tell(alert())
    target.tell(alert(level="critical"))
    target.tell(alert(level="critical", state="resolved"))
    target.tell(alert(level="critical", state="resolved"))
    until(lambda: len(receiver.taken) == 3 and target.state.sent == 3, "three words")
    assert [(body["state"], body["level"]) for body in receiver.taken] == [
        ("firing", "warning"), ("firing", "critical"), ("resolved", "critical"),
    ]  # fmt: skip
    assert len(receiver.ids) == 3
    assert [headers["Idempotency-Key"] for headers in receiver.headers] == receiver.ids
    assert receiver.taken[0]["title"] == "Warning: Too hot (GPU 0 of n1)"
    assert receiver.taken[0]["alert"]["finding"]["detail"] == "Temperature 91 °C"


def test_what_is_over_does_not_begin_again(receiver, opened):
    """An alert of one sample: told directly, it is over before the stream tells that it fires."""
    target = opened(f"webhook:{receiver.begin().url}")
    for state in ("firing", "resolved", "firing", "resolved"):
        target.tell(alert(state=state))
        time.sleep(0.1)
    until(lambda: target.state.sent == 2, "both words")
    assert receiver.ids == ["a0-firing", "a0-resolved"]
    assert len(receiver.taken) == 2


def test_while_the_receiver_is_away_nothing_is_lost_and_it_is_said_once(receiver, opened, caplog):
    """Forty alerts, that fire and end while nobody listens, arrive in their order when it is back."""
    target = opened(f"webhook:{receiver.url}")
    with caplog.at_level(logging.INFO):
        for n in range(40):
            target.tell(alert(n))
            target.tell(alert(n, "resolved"))
        problem = until(lambda: target.problem, "a problem")
        time.sleep(0.5)  # some tries
        assert target.state.waiting == 80
        receiver.begin()
        until(lambda: target.state.sent == 80, "all of them")
    assert "does not answer" in problem
    assert receiver.ids == [f"a{n}-{state}" for n in range(40) for state in ("firing", "resolved")]
    assert len(receiver.taken) == 80
    assert msgspec.to_builtins(target.state) == {"name": target.url, "sent": 80}
    said = [record.getMessage() for record in caplog.records if target.url in record.getMessage()]
    assert len(said) == 2, said
    assert "They wait" in said[0]
    assert "again" in said[1]


def test_one_that_goes_away_in_between_and_comes_back_counts_each_once(receiver, opened):
    """It answers with errors, and hangs up after it has taken one: the key tells that it was told before."""
    receiver.answers = [503, None, 500, 200, None, 429]
    target = opened(f"webhook:{receiver.begin().url}")
    for n in range(5):
        target.tell(alert(n))
    until(lambda: target.state.sent == 5, "all of them")
    assert receiver.ids == [f"a{n}-firing" for n in range(5)]
    assert len(receiver.taken) == 7, "two were told twice, with the same key"


def test_what_is_never_taken_is_given_up_with_a_word_and_the_next_one_goes(receiver, opened, caplog):
    """400 says that this message is wrong, not that the receiver is away."""
    receiver.answers = [400]
    target = opened(f"webhook:{receiver.begin().url}")
    target.tell(alert(0))
    target.tell(alert(1))
    until(lambda: receiver.ids == ["a1-firing"], "the second one")
    until(lambda: target.state.sent == 1, "that it counts")
    assert target.state.failed == 1
    assert "is not sent" in caplog.text


def test_a_receiver_that_says_when_is_asked_then(receiver, opened):
    """Retry-After."""
    receiver.answers, receiver.more = [429], {"Retry-After": "1"}
    target = opened(f"webhook:{receiver.begin().url}")
    begun = time.monotonic()
    target.tell(alert())
    until(lambda: target.state.sent == 1, "it")
    assert time.monotonic() - begun > 0.95
    assert receiver.tried == 2


def test_a_redirect_is_no_delivery(receiver, opened):
    """It would become a GET without the alert."""
    receiver.answers, receiver.more = [302] * 3, {"Location": "http://127.0.0.1:9/"}
    target = opened(f"webhook:{receiver.begin().url}")
    target.tell(alert())
    problem = until(lambda: target.problem, "a problem")
    assert "name that address instead" in problem
    until(lambda: target.state.sent == 1, "it")


def test_old_ones_are_given_up(opened, receiver):
    """After a bound in time, and the oldest where more wait than anybody reads."""
    few = opened(f"webhook:{receiver.url}", Pace(most=3, first=0.02, longest=0.05))
    for n in range(10):
        few.tell(alert(n))
    assert (few.state.waiting, few.state.failed) == (3, 7)
    short = opened(f"webhook:{receiver.url}", Pace(give_up=0.2, first=0.02, longest=0.05))
    short.tell(alert())
    until(lambda: short.state.failed == 1, "that it is given up")
    receiver.begin()
    until(lambda: few.state.sent == 3, "the newest")
    assert receiver.ids == ["a7-firing", "a8-firing", "a9-firing"]


def test_no_more_than_so_many_messages_a_minute(receiver, opened):
    """The others wait; none is dropped."""
    target = opened(f"webhook:{receiver.begin().url}?rate=3")
    for n in range(10):
        target.tell(alert(n))
    until(lambda: target.state.sent == 3, "the first three")
    time.sleep(0.2)
    assert len(receiver.taken) == 3
    assert target.state.waiting == 7


@pytest.mark.parametrize(
    ("query", "told"),
    [("level=critical", ["a1"]), ("rules=xid,other", ["a2"]), ("level=warning&rules=gpu-hot", ["a0", "a1"])],
)
def test_a_target_gets_what_it_asks_for(receiver, opened, query, told):
    """By level and by rule; what was not told as firing is not told as over."""
    target = opened(f"webhook:{receiver.begin().url}?{query}")
    every = [alert(0), alert(1, level="critical"), alert(2, rule="xid", level="info"), alert(3, level="info")]
    for each in every:
        target.tell(each)
        target.tell(msgspec.structs.replace(each, state="resolved", resolved=each.fired + 1))
    wanted = [f"{name}-{state}" for name in told for state in ("firing", "resolved")]
    until(lambda: receiver.ids == wanted, str(wanted))
    until(lambda: target.state.sent == len(wanted), "that they count")
    assert target.state.waiting == 0


def test_what_waits_outlives_the_process(receiver, opened, tmp_path):
    """A restart while the receiver is away: the new process tells it, once. The file is its owner's alone."""
    first = opened(f"webhook:{receiver.url}", keep=tmp_path)
    first.tell(alert(0))
    first.tell(alert(1))
    until(lambda: first.problem, "a problem")
    first.close()
    file = next(tmp_path.iterdir())
    assert file.stat().st_mode & 0o777 == 0o600
    assert "s3cret" not in file.name + file.read_text()
    receiver.begin()
    second = opened(f"webhook:{receiver.url}", keep=tmp_path)
    second.adopt([alert(0), alert(1), alert(5)])
    second.tell(alert(0, "resolved"))
    until(lambda: second.state.sent == 3, "all of them")
    assert receiver.ids == ["a0-firing", "a1-firing", "a0-resolved"]
    until(lambda: not list(tmp_path.iterdir()), "no file")


def test_closing_hands_over_what_waits(receiver, opened):
    """The alerts of the last two seconds."""
    target = opened(f"webhook:{receiver.begin().url}", Pace(gather=60))
    target.tell(alert())
    target.close()
    assert receiver.ids == ["a0-firing"]


def test_it_is_a_sink_of_the_alerts_in_a_stream(receiver):
    """Also for gpumon record and a recording: by the same URL."""
    with closing(open_sink(f"webhook:{receiver.begin().url}")) as sink:
        sink.write(HELLO)
        happened = Event(kind="alert", time=1.0, mono=1.0, title="Too hot", alert=alert())
        sink.write(Sample(time=1.0, mono=1.0, events=(happened,)))
        until(lambda: receiver.ids == ["a0-firing"], "it")


def test_evidence_stays_here(receiver, opened):
    """A message is small, and samples are not for others."""
    target = opened(f"webhook:{receiver.begin().url}")
    target.tell(alert(evidence=(Evidence(metric="power", time=(1.0,), values=(2.0,)),)))
    until(lambda: receiver.taken, "it")
    assert "evidence" not in receiver.taken[0]["alert"]["finding"]


def test_telling_never_blocks(opened, receiver):
    """The monitor's thread goes on, whatever is the matter."""
    target = opened(f"webhook:{receiver.url}", QUICK)
    begun = time.monotonic()
    for n in range(2000):
        target.tell(alert(n))
    assert time.monotonic() - begun < 20
