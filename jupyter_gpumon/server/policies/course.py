"""One policy about one alert: its countdown, what came of it, and what is undone when the alert is over."""

from __future__ import annotations

import asyncio
import time
import uuid as ids
from collections.abc import Awaitable, Callable, Iterable

from msgspec.structs import replace

from ...errors import GpuMonError, PolicyError
from ...findings import Action, Alert
from ...model import Process
from .guilt import Guilty, guilty
from .means import Deed, Means, Undo
from .policy import TO_KERNELS, Policy

Look = Callable[[], Awaitable[Iterable[Process] | None]]
"""Who is on the devices now."""

OVER, CANCELLED, CLOSED = "over", "cancelled", "closed"
"""Why a course comes to its end before its time."""


def plan(policy: Policy, alert: Alert, processes: Iterable[Process] | None, gpu: str, now: float) -> Action:
    """What is to be done: to whom, and why; ``refused`` where it may not be, or to nobody that is known."""
    finding = alert.finding
    action = Action(
        id=ids.uuid4().hex,
        policy=policy.id,
        do=policy.do,
        cause=": ".join(filter(None, (finding.title, finding.detail))),
        time=now,
        due=now + policy.grace,
        alert=alert.id,
        rule=finding.rule,
        uuid=finding.uuid,
    )
    try:
        found = guilty(finding, processes)
    except PolicyError as e:
        if policy.do in TO_KERNELS:
            refused = replace(action, state="refused", result=str(e), due=None, ended=now)
            return replace(refused, what=f"{policy.do} the kernel that is to blame")
        found = Guilty(kernel="")
    named = replace(action, kernel=found.kernel or None, notebook=found.notebook, pids=found.pids)
    return replace(named, what=policy.what(named, gpu))


class Course:
    """In the server's loop.

    Args:
        policy: what is wanted.
        alert: that fired.
        means: does it.
        processes: who is on the devices now.
        tell: is told of each state.
    """

    def __init__(
        self,
        policy: Policy,
        alert: Alert,
        means: Means,
        processes: Look,
        tell: Callable[[Action], None],
    ) -> None:
        self._policy, self.alert, self._means, self._processes, self._tell = policy, alert, means, processes, tell
        self._why: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._by = ""
        self.action: Action | None = None
        """What is planned or done; None as long as the policy's hold is not over."""
        self.task = asyncio.ensure_future(self._run())

    def end(self, why: str, by: str = "") -> None:
        """Let it come to its end."""
        if not self._why.done():
            self._by = by
            self._why.set_result(why)

    @property
    def waiting(self) -> bool:
        """Whether its countdown runs."""
        return self.action is not None and self.action.state == "waiting" and not self._why.done()

    async def _wait(self, seconds: float | None) -> str | None:
        """Why it ends, or None after so many seconds."""
        await asyncio.wait([self._why], timeout=seconds)
        return self._why.result() if self._why.done() else None

    async def _run(self) -> None:
        policy = self._policy
        if policy.hold and await self._wait(policy.hold):
            return
        gpu = self._means.gpu(self.alert.finding.uuid)
        action = plan(policy, self.alert, await self._processes(), gpu, time.time())
        if action.state == "refused":
            self._say(action)
        elif policy.dry_run:
            self._say(replace(action, state="dry-run", due=None, ended=time.time()))
        elif await self._counted_down(action):
            await self._do(action)

    async def _counted_down(self, action: Action) -> bool:
        """Whether nobody and nothing has stopped it."""
        if not self._policy.grace:
            return not self._why.done()
        self._say(action)
        why = await self._wait(self._policy.grace)
        if why is not None:
            state = CANCELLED if why == CANCELLED else OVER
            self._say(replace(action, state=state, due=None, ended=time.time(), by=self._by))
        return why is None

    async def _do(self, action: Action) -> None:
        try:
            result, undo = await self._means.do(Deed(self._policy, action, self.alert))
        except GpuMonError as e:
            self._say(replace(action, state="failed", due=None, ended=time.time(), result=str(e)))
            return
        done = replace(action, state="done", due=None, ended=time.time(), result=result)
        self._say(done)
        await self._wait(None)
        if self.alert.state == "resolved":
            self._means.tell(self._policy, self.alert)
        if undo is not None and self._policy.undo:
            await self._undo(done, undo)

    async def _undo(self, done: Action, undo: Undo) -> None:
        try:
            result = await undo()
        except GpuMonError as e:
            self._say(replace(done, state="failed", ended=time.time(), result=f"it could not be undone: {e}"))
            return
        self._say(replace(done, state="undone", ended=time.time(), result=result))

    def _say(self, action: Action) -> None:
        self.action = action
        self._tell(action)
