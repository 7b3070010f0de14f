"""Recordings played back."""

from __future__ import annotations

import gzip
import time

import pytest

from jupyter_gpumon.clock import FakeClock
from jupyter_gpumon.errors import SourceError
from jupyter_gpumon.model import Edge, Event, Gpu, Hello, Sample, Status
from jupyter_gpumon.sinks.urls import open_sink
from jupyter_gpumon.sources.sampler import Sampler
from jupyter_gpumon.sources.sim import open_backend
from jupyter_gpumon.sources.urls import open_source
from jupyter_gpumon.wire import encode_line

LENGTH = 60


def recorded(count: int = LENGTH, start: float = 500.0) -> list:
    return [
        Hello(hostname="n1", source="agent"),
        *(
            Sample(
                time=1e9 + n,
                mono=start + n,
                gpus=(Gpu(uuid="G", energy=100.0 * n),),
                edges=(Edge(uuid="G", since=start + n - 0.1, mono=start + n - 0.05, joules=100.0 * n),),
                events=(Event(kind="note", time=1e9 + n, mono=start + n, title="x", until=1e9 + n + 1),),
            )
            for n in range(count)
        ),
    ]


@pytest.fixture
def play(tmp_path):
    """Write messages (or bytes) to a recording and play it to its end: (messages, seconds it took)."""

    def run(content, params="", name="run.jsonl"):
        path = tmp_path / name
        lines = content if isinstance(content, bytes) else b"".join(encode_line(message) for message in content)
        path.write_bytes(gzip.compress(lines) if name.endswith(".gz") else lines)
        clock = FakeClock()
        begun = clock.mono()
        return list(open_source(f"replay:{path}{params}").stream(clock)), clock.mono() - begun

    return run


@pytest.mark.parametrize(("params", "seconds"), [("", 59.0), ("?speed=10", 5.9), ("?speed=0", 0.0)])
def test_it_plays_at_the_asked_speed(play, params, seconds):
    """59 s of recording in 59 s, in 5.9 s, at once."""
    messages, took = play(recorded(), params)
    assert len(messages) == 1 + LENGTH
    assert took == pytest.approx(seconds)


def test_the_hello_says_that_it_is_a_replay(play):
    """Nobody is to take it for this machine's GPUs."""
    (hello, *_), _ = play(recorded())
    assert (hello.source, hello.hostname) == ("replay:run.jsonl", "n1")


@pytest.mark.parametrize("params", ["", "?speed=10", "?speed=0"])
def test_stamps_are_of_now_and_keep_their_distances(play, params):
    """The last sample is of now however fast it was played, and a counter's rate is what it was."""
    messages, _ = play(recorded(), params)
    first, last = messages[1], messages[-1]
    assert last.mono - first.mono == pytest.approx(LENGTH - 1)
    assert last.time == pytest.approx(FakeClock().time() + (59 if not params else 5.9 if "10" in params else 0))
    assert last.edges[0].mono == pytest.approx(last.mono - 0.05)
    assert last.events[0].until == pytest.approx(last.time + 1)


def test_the_recordings_own_stamps_can_be_kept(play):
    """``rebase=0``, for reports."""
    messages, _ = play(recorded(), "?speed=0&rebase=0")
    assert messages[1:] == recorded()[1:]


def test_a_cut_off_recording_plays_up_to_the_cut(play):
    """Who recorded was killed in the middle of a line, or of a compressed block."""
    lines = b"".join(encode_line(message) for message in recorded())
    whole, _ = play(lines[:-20], "?speed=0")
    assert len(whole) == LENGTH


def test_a_cut_off_compressed_recording_plays_up_to_the_cut(tmp_path):
    """The same within gzip."""
    path = tmp_path / "run.jsonl.gz"
    path.write_bytes(gzip.compress(b"".join(encode_line(message) for message in recorded(2000)))[:-200])
    played = list(open_source(f"replay:{path}?speed=0").stream(FakeClock()))
    assert 100 < len(played) < 2001


def test_hellos_in_the_middle_are_played_where_they_were(play):
    """The driver stopped answering half-way."""
    status = Status(state="stalled", message="x")
    messages, _ = play([*recorded(5), Hello(status=status), *recorded(5, start=505.0)[1:]], "?speed=0")
    assert [type(m).__name__[0] for m in messages] == list("HSSSSSHSSSSS")
    assert messages[6].status == status


def test_a_recording_over_two_boots_goes_on_without_a_wait(play):
    """Monotonic time began anew; the stamps go on."""
    messages, took = play([*recorded(5), *recorded(5, start=3.0)])
    stamps = [m.mono for m in messages if isinstance(m, Sample)]
    assert took == pytest.approx(8.0)
    assert stamps == sorted(stamps)


def test_a_loop_begins_again_and_its_stamps_go_on(tmp_path):
    """Three times round, always forwards."""
    path = tmp_path / "run.jsonl"
    path.write_bytes(b"".join(encode_line(message) for message in recorded(5)))
    source, stamps = open_source(f"replay:{path}?loop=1&speed=2"), []
    for message in source.stream(FakeClock()):
        stamps += [message.mono] if isinstance(message, Sample) else []
        if len(stamps) == 15:
            source.close()
    assert len(stamps) == 15
    assert stamps == sorted(set(stamps))


def test_garbage_is_left_out(play):
    """A line that is no message hides no other."""
    messages, _ = play(b"{}\nnonsense\n" + b"".join(encode_line(message) for message in recorded(3)), "?speed=0")
    assert len(messages) == 4


def test_a_recording_without_a_hello_gets_one(play):
    """A stream begins with a hello, always."""
    messages, _ = play(recorded(3)[1:], "?speed=0")
    assert isinstance(messages[0], Hello)


def test_a_file_without_samples_is_refused(play):
    """With words, instead of a panel that stays empty."""
    with pytest.raises(SourceError, match="holds no samples"):
        play(b"a picture\n")


def numbers(messages) -> list[int]:
    """Which samples of the recording these are."""
    return [round(m.gpus[0].energy / 100) for m in messages if isinstance(m, Sample)]


@pytest.mark.parametrize(
    ("params", "first", "last", "seconds"),
    [
        ("from=20", 20, 59, 39.0),
        ("from=20&to=30", 20, 30, 10.0),
        ("to=0.5m", 0, 30, 30.0),
        ("from=-10s", 49, 59, 10.0),
        ("from=20&to=30&speed=10", 20, 30, 1.0),
        ("from=2001-09-09T01:46:50Z&to=2001-09-09T03:46:52%2B02:00", 10, 12, 2.0),
    ],
)
def test_it_plays_from_and_up_to_any_moment(play, params, first, last, seconds):
    """Seconds, durations, counted from the end, or times of day."""
    messages, took = play(recorded(), f"?{params}")
    assert numbers(messages) == list(range(first, last + 1))
    assert isinstance(messages[0], Hello)
    assert took == pytest.approx(seconds)
    assert messages[-1].mono == pytest.approx(FakeClock().mono() + took)


def test_a_seek_knows_the_devices_that_were_there_then(play):
    """The last hello before the moment is the first message."""
    status = Status(state="stalled", message="x")
    content = [*recorded(5), Hello(status=status), *recorded(9, start=505.0)[1:], Hello(hostname="n2")]
    messages, _ = play(content, "?speed=0&from=7&to=9")
    assert [type(m).__name__[0] for m in messages] == list("HSSS")
    assert messages[0].status == status


@pytest.mark.parametrize(("wrong", "said"), [("from=soon", "'soon' is not a moment"), ("from=2h", "covers 59 s")])
def test_a_moment_that_is_none_or_not_there_is_told(play, wrong, said):
    """With what would be one."""
    with pytest.raises(SourceError, match=said):
        play(recorded(), f"?speed=0&{wrong}")


def test_an_hour_played_a_hundred_times_faster_is_identical(tmp_path):
    """Recorded by the simulated clock through the sink, played at 100×: every frame as it was, in 36 s of its clock."""
    recording_clock = FakeClock()
    sampler = Sampler(open_backend({"gpus": "1", "script": "training"}, recording_clock), interval=10.0)
    frames, sink = [], open_sink(str(tmp_path / "hour.jsonl.gz"))
    end = recording_clock.mono() + 3600
    for message in sampler.stream(recording_clock):
        frames.append(message)
        while sink.waiting > 500:
            time.sleep(0.001)
        sink.write(message)
        if recording_clock.mono() >= end:
            break
    sink.close()
    assert sink.dropped == 0

    clock = FakeClock(mono=50.0)
    played = list(open_source(f"replay:{tmp_path / 'hour.jsonl.gz'}?speed=100&rebase=0").stream(clock))
    assert clock.mono() - 50.0 == pytest.approx(36.0, abs=0.1)
    assert len(played) == len(frames) > 360
    assert [m for m in played if isinstance(m, Sample)] == [m for m in frames if isinstance(m, Sample)]
    hellos = [m for m in frames if isinstance(m, Hello)]
    assert [m.devices for m in played if isinstance(m, Hello)] == [m.devices for m in hellos]
