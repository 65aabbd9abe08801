"""The main job against a running `zen-agent dev --state-dir DIR`: an event becomes a remediation, which succeeds.

usage: python main_job.py DIR https://127.0.0.1:8443
"""

import datetime
import pathlib
import sys
import time
import uuid
from typing import TypeVar

from zen_agent import connect
from zen_agent_api.api.events import ingest_events
from zen_agent_api.api.remediations import get_remediation, list_remediations
from zen_agent_api.models import (
    EventBatch,
    Outcome,
    Problem,
    ProblemCode,
    SecurityEvent,
    SecurityEventFacts,
    Severity,
    Status,
    Target,
)
from zen_agent_api.types import UNSET, Unset

T = TypeVar("T")


class Refused(Exception):
    """By the agent, for good."""


def expect(answer: T | Problem | None) -> T:
    """What an answer holds, or an error that says why it was refused."""
    if isinstance(answer, Problem):
        raise Refused(f"{answer.code}: {answer.detail}")
    assert answer is not None, "the contract knows no other status"
    return answer


def main(folder: str, origin: str) -> None:
    agent = connect(pathlib.Path(folder) / "client", origin)
    facts = SecurityEventFacts()
    facts.additional_properties = {"proc.cmdline": "bash", "proc.pid": 4711, "privileged": False}
    event = SecurityEvent(
        source="falco",
        rule="Terminal shell in container",
        severity=Severity.HIGH,
        time=datetime.datetime(2026, 7, 1, 12, tzinfo=datetime.UTC),
        target=Target(api_version="v1", kind="Pod", namespace="shop", name="web-6d4cf56db6-x2x7p"),
        facts=facts,
    )
    batch = EventBatch(cluster_id="dev-cluster", events=[event])

    # The id of the request is that of the event: sent again, after a crash too, it has effect once.
    request_id = str(uuid.uuid4())
    [first] = expect(ingest_events.sync(client=agent, body=batch, x_request_id=request_id)).results
    assert first.outcome == Outcome.CREATED and first.remediation, first
    [again] = expect(ingest_events.sync(client=agent, body=batch, x_request_id=request_id)).results
    assert (again.outcome, again.remediation) == (Outcome.REPLAYED, first.remediation), again

    end = time.monotonic() + 60
    while True:
        remediation = expect(get_remediation.sync(first.remediation, client=agent))
        if remediation.status not in (Status.PENDING, Status.IN_PROGRESS):
            break
        assert time.monotonic() < end, f"it does not end: {remediation}"
        time.sleep(0.1)
    assert remediation.status == Status.SUCCEEDED, remediation
    assert remediation.request_id == request_id, remediation

    seen: list[str] = []
    page: str | Unset = UNSET
    while True:
        answer = expect(
            list_remediations.sync(client=agent, status=Status.SUCCEEDED, namespace="shop", limit=1, continue_=page)
        )
        seen += [item.id for item in answer.items]
        page = answer.continue_
        if not page:
            break
    assert remediation.id in seen, seen

    problem = get_remediation.sync("zar-none", client=agent)
    assert isinstance(problem, Problem) and (problem.status, problem.code) == (404, ProblemCode.NOT_FOUND), problem

    print(f"{remediation.id} {remediation.status}: {remediation.message}")


if __name__ == "__main__":
    main(*sys.argv[1:])
