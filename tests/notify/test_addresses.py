"""Targets' URLs: what is ours, what is the receiver's, and what nobody is to see."""

from __future__ import annotations

import pytest

from jupyter_gpumon.errors import SourceError
from jupyter_gpumon.sinks.notify import read

SECRETS = {"HOOK": "https://hooks.example.com/T0PS3CRET/x?sig=abcdefgh", "TOKEN": "t0ken-s3cret", "PASS": "pa55word"}


def test_what_is_ours_is_taken_out_and_the_rest_left():
    """Of the query alone."""
    found = read("webhook:https://h/x?a=1&level=critical&rules=xid,gpu-hot&b=2&as=ops&rate=5#f", SECRETS)
    assert found.url == "https://h/x?a=1&b=2#f"
    assert (found.level, found.rules, found.name, found.rate) == ("critical", ("xid", "gpu-hot"), "ops", 5)


@pytest.mark.parametrize(
    ("url", "filled"),
    [
        ("webhook:$HOOK", SECRETS["HOOK"]),
        ("webhook:$HOOK?level=critical", SECRETS["HOOK"]),
        ("webhook:https://me:${PASS}@h/x$$y", "https://me:pa55word@h/x$y"),
        ("apprise:slack://$TOKEN/#ops", "slack://t0ken-s3cret/#ops"),
    ],
)
def test_secrets_come_from_the_environment(url, filled):
    """Within a URL."""
    assert read(url, SECRETS).url == filled


def test_a_whole_url_may_come_from_there():
    """Then the configuration says nothing but a name."""
    found = read("env:ALL", {"ALL": "alertmanager:http://am:9093?level=warning"})
    assert (found.scheme, found.url, found.level) == ("alertmanager", "http://am:9093", "warning")


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("webhook:$HOOK", "webhook:https://hooks.example.com/…"),
        ("alertmanager:http://me:$PASS@am:9093", "alertmanager:http://am:9093"),
        ("alertmanager:am:9093", "alertmanager:http://am:9093"),
        ("apprise:slack://$TOKEN/x/y", "apprise:slack"),
        ("webhook:https://h/?bearer=$TOKEN", "webhook:https://h"),
        ("log:", "log"),
    ],
)
def test_what_is_shown_holds_no_secret(url, name):
    """Neither its name, nor what a log would print of it."""
    found = read(url, SECRETS)
    assert found.name == name
    assert not [secret for secret in SECRETS.values() if secret in repr(found)]


def test_what_others_say_of_it_is_shown_without_it():
    """Libraries like to put the URL into their errors."""
    found = read("webhook:https://me:$PASS@hooks.example.com/T0PS3CRET?bearer=$TOKEN", SECRETS)
    text = "POST /T0PS3CRET as me:pa55word with t0ken-s3cret to hooks.example.com failed"
    assert found.hidden(text) == "POST /*** as me:*** with *** to hooks.example.com failed"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("slack://t0ken-s3cret", "a target begins with apprise:, alertmanager:"),
        ("webhook:$NOBODY", "the environment has no NOBODY"),
        ("env:NOBODY", "the environment has no NOBODY"),
        ("webhook:", "names no receiver"),
        ("webhook:ftp://pa55word", "names no receiver"),
        ("alertmanager:http://h:pa55word", "the port is to be a number"),
        ("log:?level=loud", "level is one of critical, warning, info"),
        ("log:?rate=0", "rate is how many messages a minute"),
    ],
)
def test_what_cannot_be_used_says_what_to_write(url, words):
    """Without showing what was written."""
    with pytest.raises(SourceError, match=words) as refused:
        read(url, SECRETS)
    assert not [secret for secret in ("pa55word", "t0ken-s3cret") if secret in str(refused.value)]
