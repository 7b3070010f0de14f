"""What a policy may say, and what it is told where it cannot be used."""

from __future__ import annotations

import pytest

from jupyter_gpumon.errors import PolicyError
from jupyter_gpumon.rules import read_rule
from jupyter_gpumon.rules.pack import shipped
from jupyter_gpumon.server.policies.policy import read_policies, read_policy
from tests.docs import table_of

FULL = {"id": "full", "when": "memory_used / memory_total > 95 %", "for": 5, "do": "interrupt"}


def test_a_condition_of_its_own_becomes_a_rule():
    """With its hold; the countdown is ten seconds unless it says otherwise."""
    policy = read_policy(FULL)
    assert (policy.rule, policy.condition.hold, policy.hold, policy.grace) == ("policy-full", 5, 0, 10)


def test_a_rule_that_there_is_may_be_waited_for():
    """Then the hold is the policy's: for how long it has to have fired."""
    policy = read_policy({"id": "hot", "rule": "gpu-hot", "for": 60, "do": "pause", "grace": 0})
    assert (policy.rule, policy.condition, policy.hold, policy.grace) == ("gpu-hot", None, 60, 0)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"id": "Full"}, "an id in lower case"),
        ({"do": "reset"}, '"do" is one of notify, webhook, interrupt'),
        ({"when": "memory_used >> 3"}, 'The policy full, "when", column 14'),
        ({"rule": "gpu-hot"}, "say one"),
        ({"speed": 1}, "says 'speed', which no policy has"),
        ({"grace": -1}, '"grace" is a number of seconds'),
        ({"dry_run": 1}, '"dry_run" is True or False'),
        ({"command": "x"}, '"command" goes with "do": run'),
        ({"do": "run"}, 'needs "command"'),
        ({"do": "run", "command": 3}, "is a text or a list of words"),
        ({"do": "power-limit"}, 'needs "limit"'),
        ({"do": "power-limit", "limit": 0}, "in watts, or up to 1"),
        ({"do": "webhook"}, 'needs "to"'),
        ({"do": "webhook", "to": "mailto:x"}, "the address of the webhook"),
        ({"do": "notify", "to": "slack://x"}, '"to" begins with apprise:'),
    ],
)
def test_what_cannot_be_used_is_refused_with_what_is_wrong(change, words):
    """And by its name."""
    with pytest.raises(PolicyError, match=words):
        read_policy(FULL | change)


def test_the_others_stay_in_force():
    """One that cannot be used takes none with it; of two with one id the first counts."""
    found, wrong = read_policies([FULL, FULL | {"do": "stop"}, FULL | {"id": "x", "do": "?"}, FULL | {"id": "y"}])
    assert [(policy.id, policy.do) for policy in found] == [("full", "interrupt"), ("y", "interrupt")]
    assert len(wrong) == 2


def test_what_is_shown_of_a_policy_holds_no_secret():
    """Neither of its target nor of its command's arguments."""
    told = read_policy({"id": "a", "rule": "x", "do": "webhook", "to": "https://h/s3cret"}).told()
    assert told["to"] == "webhook:https://h/…"
    told = read_policy({"id": "a", "rule": "x", "do": "run", "command": "/bin/x --token s3cret"}).told()
    assert told["command"] == "/bin/x"


def test_every_condition_of_dcgm_in_the_docs_can_be_used():
    """As it stands in docs/policies.md."""
    rows = table_of("policies.md", "DCGM's conditions")
    assert [row[0].split()[0].strip("`") for row in rows] == ["-e", "-p", "-M", "-T", "-P", "-n", "-x"]
    for row in rows:
        said = row[2].strip("`")
        if said.startswith("rule"):
            assert read_policy({"id": "x", "rule": "xid", "do": "notify"}).rule in {rule.id for rule in shipped()}
        else:
            read_rule({"id": "x", "when": said})
