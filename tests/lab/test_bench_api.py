"""`bench api` works on a small scale, and its verdict finds what is wrong."""

import re
from collections import Counter
from functools import partial

import pytest
from bson import ObjectId

from lab.bench.api.clients import Answers
from lab.bench.api.data import insert_data
from lab.bench.api.requests import (
    CONTRIBUTE,
    CREATE,
    CREATED,
    READ,
    SHARES,
    Caller,
    Client,
    Data,
    OpenGoal,
    Shows,
    WaitingShow,
)
from lab.bench.api.verdict import CONTRIBUTIONS, GOALS, judge
from mongodb.collections import collection
from mongodb.transactions import run_in_transaction
from showgoals.contributions import contribute
from showgoals.folds import fold_into_breakdown
from showgoals.models import Contribution
from tests.factories.moments import NOW
from tests.lab.benches import bench, database_is_dropped

RULES = [
    "every answer is an intended one",
    "each accepted payment is stored once",
    "contributions are what the viewers paid",
    "`breakdown` is what the viewers paid",
    "`progress` is their sum",
    "each created show is stored once, and linked",
]


@pytest.mark.long
@pytest.mark.e2e
@pytest.mark.slow
def test_bench_api_compares_and_finds_every_sum_right() -> None:
    done = bench("api", "--clients", "12", "--seconds", "2")

    assert (done.returncode, done.stderr) == (0, "")
    rows = re.findall(r"^  (ours|bare), (\w+) +[\d,.]+ +[\d.]+ +[\d.]+ +[\d.]+", done.stdout, re.MULTILINE)
    assert Counter(rows) == Counter((server, kind) for server in ("ours", "bare") for kind in (*SHARES, "all"))
    assert re.findall(r"^  (\S.*?) +ok$", done.stdout, re.MULTILINE) == RULES
    assert database_is_dropped()


def test_client_sends_the_documented_shares_of_requests() -> None:
    person = Caller("6811c05bf672c8b2cbdc2431", "token")
    shows = [WaitingShow(person, str(ObjectId()), str(ObjectId())) for _ in range(3)]
    data = Data([OpenGoal(str(ObjectId()), str(ObjectId()))], shows, [person])
    requests = Client(data, Shows(shows), 1).requests()

    kinds, made = Counter[str](), 0
    for _ in range(2000):
        request = next(requests)
        kinds[request.kind] += 1
        made += (request.kind, request.intended) == (CREATE, CREATED)

    assert {kind: round(count / 100) for kind, count in kinds.items()} == {READ: 12, CONTRIBUTE: 6, CREATE: 2}
    assert made == len(shows)


@pytest.mark.django_db
def test_verdict_without_findings() -> None:
    data = insert_data(viewers=2, shows=1)
    answers = pay(data, amount=7)

    assert broken(answers, data) == {}


@pytest.mark.django_db
def test_verdict_finds_a_lost_payment() -> None:
    data = insert_data(viewers=2, shows=1)
    answers = pay(data, amount=7)
    collection(CONTRIBUTIONS).delete_one({"viewer_id": data.viewers[0].id, "amount": 7})

    payer = (data.goals[0].goal_id, data.viewers[0].id)
    assert broken(answers, data) == {RULES[1]: ["payments 1, stored 0"], RULES[2]: [f"{payer} paid 7, found 0"]}


@pytest.mark.django_db
def test_verdict_finds_wrong_sums_and_missing_shows() -> None:
    data = insert_data(viewers=2, shows=1)
    answers = pay(data, amount=7)
    answers.shows.append("6811c05bf672c8b2cbdc2431")
    answers.unintended.append("GET /goals: 500")
    goal_id, viewer_id = data.goals[0].goal_id, data.viewers[0].id
    collection(GOALS).update_one(
        {"_id": ObjectId(goal_id)}, {"$inc": {"progress": 1, f"breakdown.{viewer_id}.amount": 2}}
    )

    assert broken(answers, data) == {
        RULES[0]: ["GET /goals: 500"],
        RULES[3]: [f"{(goal_id, viewer_id)} paid 7, found 9"],
        RULES[4]: [f"{goal_id} paid 7, progress 8"],
        RULES[5]: ["stored: missing 1, more than promised 0", "linked: missing 1, more than promised 0"],
    }  # fmt: skip


def pay(data: Data, *, amount: int) -> Answers:
    """Let one viewer pay, fold the payment, and return what the client was promised."""
    goal, viewer = data.goals[0], data.viewers[0]
    goal_id, viewer_id = goal.goal_id, viewer.id
    contribute(Contribution(funding_goal_id=goal_id, viewer_id=viewer_id, amount=amount, key="1", created_at=NOW))
    run_in_transaction(partial(fold_into_breakdown, goal.goal_id))
    answers = Answers(payments=1)
    answers.paid[goal.goal_id, viewer.id] = amount
    return answers


def broken(answers: Answers, data: Data) -> dict[str, list[str]]:
    return {finding.rule: finding.broken for finding in judge([answers], data) if finding.broken}
