"""Nothing is lost and nothing is charged twice: 10,000 random schedules of cells on 1 to 8 GPUs against the counter."""

from __future__ import annotations

import random
from bisect import bisect_right
from itertools import pairwise

from jupyter_gpumon.attribution.attribution import Attribution
from jupyter_gpumon.attribution.claims import Claim
from jupyter_gpumon.attribution.shares import Present

SCHEDULES = 10_000
SECONDS = 20.0
MILLIJOULE = 1e-3
KERNELS = ("k1", "k2")


class Counter:
    """A random step of power at random moments; the exact counter, from a random reading on."""

    def __init__(self, rng: random.Random) -> None:
        self.times = [0.0, *sorted(rng.uniform(0, SECONDS) for _ in range(rng.randrange(1, 6)))]
        self.watts = [rng.choice((0.0, 40.0, 60.0, rng.uniform(60, 700))) for _ in self.times]
        self.joules = [rng.uniform(0, 1e7)]
        for (a, b), watts in zip(pairwise(self.times), self.watts, strict=False):
            self.joules.append(self.joules[-1] + watts * (b - a))

    def __call__(self, moments):
        return [self._at(moment) for moment in moments]

    def _at(self, moment):
        i = bisect_right(self.times, moment) - 1
        return self.joules[i] + self.watts[i] * (moment - self.times[i])


def _claims(rng):
    """Overlapping, nested, empty and never ending ones, of two kernels; the parent is any one made before."""
    claims: list[Claim] = []
    for number in range(rng.randrange(0, 7)):
        start = rng.uniform(0, SECONDS)
        end = rng.choice((start, min(SECONDS, start + rng.expovariate(0.3)), None))
        parent = rng.choice([None, *(claim.key for claim in claims)])
        claims.append(Claim(f"c{number}", rng.choice(KERNELS), start, end, parent))
        claims[-1].part = rng.random() < 0.5 and any(_holds(claim, claims[-1]) for claim in claims[:-1])
    return claims


def _holds(outer, inner):
    """Whether the outer claim could have the inner one in its own record."""
    lasts = outer.end is None or (inner.end is not None and inner.end <= outer.end)
    return inner.parent == outer.key and outer.who == inner.who and outer.start <= inner.start and lasts


def _looks(rng, attribution, uuid):
    moment = 0.0
    while moment < SECONDS:
        moment += rng.choice((1.0, 0.2, 5.0))
        there = [who for who in (*KERNELS, "others", "display") if rng.random() < 0.5]
        attribution.look(
            uuid, moment, [Present(w, rng.choice((None, 0, 0.3, 1)), rng.choice((None, 0, 1e9))) for w in there]
        )


def _run(rng):
    """One schedule, charged in random portions as the kernel does it; the claims begin and end between them."""
    counters = {f"g{number}": Counter(rng) for number in range(rng.randrange(1, 9))}
    attribution = Attribution(*KERNELS)
    for uuid in counters:
        attribution.begin(uuid, 0.0)
        _looks(rng, attribution, uuid)
    claims = _claims(rng)
    happenings = sorted(
        [(claim.start, "open", claim) for claim in claims]
        + [(claim.end, "close", claim) for claim in claims if claim.end is not None],
        key=lambda happening: (happening[0], happening[1] == "close"),
    )
    reached = 0.0
    for moment, what, claim in [*happenings, (SECONDS, "", None)]:
        for uuid, counter in counters.items():
            if rng.random() < 0.5:
                attribution.advance(uuid, rng.uniform(min(reached, moment), moment), counter, rng.choice((None, 50.0)))
        reached = moment
        if what == "open":
            attribution.open(Claim(claim.key, claim.who, claim.start, None, claim.parent, claim.part))
        elif what == "close":
            attribution.close(claim.key, claim.end)
    for uuid, counter in counters.items():
        attribution.advance(uuid, SECONDS, counter, 50.0)
    return counters, attribution, claims


def test_the_parts_add_up_to_the_counter_whatever_the_schedule():
    """Cells + background + between + others + idle + unattributed = the counter's growth, to 1 mJ, on every GPU; each
    cell's own part, what others had and what is nobody's are all the device drew in its time; no part is negative."""
    rng = random.Random(3)
    for number in range(SCHEDULES):
        counters, attribution, claims = _run(rng)
        for uuid, sums in attribution.sums().items():
            first, last = counters[uuid]((0.0, SECONDS))
            groups = (sums.cells, sums.background, sums.between, sums.others)
            parts = [value for group in groups for value in group.values()] + [sums.idle, sums.unattributed]
            assert min(parts) >= -1e-9, number
            assert abs(sum(parts) - (last - first)) < MILLIJOULE, number
            assert abs(sums.total - (last - first)) < MILLIJOULE, number
            charges = {claim.key: attribution.charge(uuid, claim.key) for claim in claims}
            assert abs(sum(c.exclusive for c in charges.values()) - sum(sums.cells.values())) < MILLIJOULE, number
            assert abs(sum(c.background for c in charges.values()) - sum(sums.background.values())) < MILLIJOULE
            for claim in claims:
                _check(counters[uuid], claim, charges[claim.key])


def _check(counter, claim, charge):
    until = SECONDS if claim.end is None else claim.end
    before, after = counter((claim.start, until))
    assert abs(charge.whole - (after - before)) < MILLIJOULE
    assert charge.exclusive <= charge.joules + 1e-9
    assert charge.joules + charge.unattributed <= charge.whole + MILLIJOULE
    assert charge.idle <= charge.joules + 1e-9
    assert charge.low - 1e-6 <= charge.joules <= charge.high + 1e-6
