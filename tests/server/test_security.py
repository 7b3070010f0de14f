"""Nobody gets anything from any route without authentication, authorization and the right origin."""

from __future__ import annotations

import json
import re
from typing import Any, ClassVar

import pytest
from jupyter_server.auth import Authorizer
from tornado.httpclient import HTTPClientError
from tornado.websocket import WebSocketHandler

from jupyter_gpumon.server.handlers import routes

METHODS = ("GET", "POST", "PUT", "DELETE", "HEAD", "PATCH")
NAME = "abcdef01"
"""Fits whatever a route asks for: an id, a rule's name."""
HANDLERS = {re.sub(r"\(.*?\)", NAME, path.removeprefix("/gpumon/")): handler for path, handler, _ in routes(None)}  # type: ignore[arg-type]
HTTP = [route for route in HANDLERS if route != "api/stream"]
ANSWERED = [(r, m) for r in HTTP for m in METHODS if getattr(HANDLERS[r], m.lower()).__module__.startswith("jupyter_g")]
"""Routes, and the methods that they have."""


class Nobody(Authorizer):
    """An authorizer that lets nobody do anything of ours, and remembers who asked."""

    asked: ClassVar[list[tuple[str, str]]] = []

    def is_authorized(self, handler: Any, user: Any, action: str, resource: str) -> bool:
        self.asked.append((action, resource))
        return resource != "gpumon"


@pytest.fixture
def nobody_is_authorized(gpumon_config, jp_server_config):
    Nobody.asked.clear()
    jp_server_config["ServerApp"]["authorizer_class"] = Nobody
    return Nobody.asked


async def code_of(request: Any) -> int:
    """The status code that a request ends with."""
    try:
        return (await request).code
    except HTTPClientError as e:
        return e.code


ANONYMOUS = {"Authorization": ""}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("route", HTTP)
async def test_an_anonymous_request_is_refused(gpumon, jp_fetch, route, method):
    """With every method, and without a redirect to the login page."""
    code = await code_of(
        jp_fetch("gpumon", *route.split("/"), method=method, headers=dict(ANONYMOUS), allow_nonstandard_methods=True)
    )
    assert code in (403, 405)


async def test_an_anonymous_websocket_is_refused(gpumon, jp_ws_fetch):
    """With 403, not with an open socket."""
    assert await code_of(jp_ws_fetch("gpumon", "api", "stream", headers=dict(ANONYMOUS))) == 403
    assert len(gpumon.service.channel) == 0


@pytest.mark.parametrize(("route", "method"), ANSWERED)
async def test_the_authorizer_is_asked(nobody_is_authorized, gpumon, jp_fetch, route, method):
    """For every route and method, about the resource ``gpumon``, whether to read or to write; its no is the answer."""
    body = "{}" if method in ("POST", "PUT", "PATCH") else None
    assert await code_of(jp_fetch("gpumon", *route.split("/"), method=method, body=body)) == 403
    assert ("read" if method in ("GET", "HEAD") else "write", "gpumon") in nobody_is_authorized


async def test_the_authorizer_is_asked_before_streaming(nobody_is_authorized, gpumon, jp_ws_fetch):
    """As execute, like the other websockets of Jupyter."""
    assert await code_of(jp_ws_fetch("gpumon", "api", "stream")) == 403
    assert ("execute", "gpumon") in nobody_is_authorized


async def signed_in(jp_fetch: Any, jp_serverapp: Any) -> dict[str, str]:
    """Headers of a browser that is signed in by its cookie, as a page of another origin would send them along."""
    token = jp_serverapp.identity_provider.token
    anonymous = {**ANONYMOUS, "Host": f"localhost:{jp_serverapp.port}"}
    answer = await jp_fetch(
        "login", params={"token": token}, headers=anonymous, follow_redirects=False, raise_error=False
    )
    cookies = "; ".join(cookie.split(";")[0] for cookie in answer.headers.get_list("Set-Cookie"))
    assert cookies
    return {**anonymous, "Cookie": cookies}


async def test_an_upgrade_from_another_origin_is_refused(gpumon, jp_fetch, jp_ws_fetch, jp_serverapp, jp_http_port):
    """A signed-in browser opens the stream from its own page, and not from another's."""
    headers = await signed_in(jp_fetch, jp_serverapp)
    own = {**headers, "Origin": f"http://localhost:{jp_http_port}"}
    socket = await jp_ws_fetch("gpumon", "api", "stream", headers=own)
    socket.close()
    foreign = {**headers, "Origin": "http://evil.example"}
    assert await code_of(jp_ws_fetch("gpumon", "api", "stream", headers=foreign)) == 403


async def test_a_request_from_another_origin_is_refused(gpumon, jp_fetch, jp_serverapp):
    """Another's page cannot read the routes with the browser's cookie."""
    headers = await signed_in(jp_fetch, jp_serverapp)
    for route in HTTP:
        foreign = {**headers, "Origin": "http://evil.example"}
        assert await code_of(jp_fetch("gpumon", *route.split("/"), headers=foreign)) == 404


def test_every_handler_of_ours_says_who_may_call_it(gpumon):
    """The check of JupyterLab's extension template: each method is authenticated, none lets anonymous ones in."""
    for _pattern, handler, _ in routes(gpumon.service):
        assert handler.auth_resource == "gpumon"
        for method in ("get", "post", "put", "delete", "head", "patch", "options"):
            function = getattr(handler, method)
            if function.__module__.startswith("jupyter_gpumon"):
                wrapped = getattr(function, "__wrapped__", None)
                assert wrapped is not None, f"{handler.__name__}.{method}"
                if issubclass(handler, WebSocketHandler):
                    assert getattr(function, "__allow_unauthenticated", None) is False


async def test_errors_are_json_with_a_hint(gpumon, jp_fetch):
    """Also when somebody is refused."""
    with pytest.raises(HTTPClientError) as error:
        await jp_fetch("gpumon", "api", "hello", headers=dict(ANONYMOUS))
    answer = json.loads(error.value.response.body)
    assert set(answer) == {"message", "hint"}
    assert "token" in answer["hint"]
