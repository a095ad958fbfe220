"""Leads the streamer's page and the payer's page through every state of a show, in both languages."""

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import requests
from django.utils.translation import override

from pages.payers_texts import PAYERS_TEXTS
from pages.shared_texts import SHARED_TEXTS
from pages.streamers_texts import STREAMERS_TEXTS
from sessions_app.models import Session
from showgoals.models import ShowFundingGoal
from tests.browser.pages_site import PagesSite, Screen
from tests.browser.partner_site import Gateway
from tests.browser.site import Seeded, wait_until
from tests.factories.bodies import funding_body, show_body

LANGUAGES = ("en", "zh-hant")
KINDS = ("shows", "watch")
TEXTS = {"shows": SHARED_TEXTS | STREAMERS_TEXTS, "watch": SHARED_TEXTS | PAYERS_TEXTS}


@dataclass(frozen=True)
class View:
    """One of the pages in one language."""

    kind: str
    language: str
    screen: Screen

    def await_text(self, element: str, *names: str) -> None:
        """Wait until the element shows one of the texts with these names."""
        with override(self.language):
            texts = [re.escape(str(TEXTS[self.kind][name])) for name in names]
        wanted = re.compile("|".join(re.sub(r"\\{\w+\\}", ".+", text) for text in texts))
        wait_until(lambda: wanted.fullmatch(self.screen.sees(element)) is not None)
        assert wanted.fullmatch(self.screen.sees(element)), (self.kind, names, self.screen.everything())

    def read(self) -> None:
        """Make the page read everything from the API now."""
        self.screen.page.evaluate("dispatchEvent(new Event('online'))")

    def is_explained(self) -> bool:
        """Tell whether the page shows the server's explanation of the viewer's access."""
        with override(self.language):
            return self.screen.sees("why") not in {"", str(PAYERS_TEXTS["help_reading"])}


State = tuple[str, list[View]]


@dataclass
class Walk:
    """Leads the pages through the states, and yields each state once the pages show it."""

    pages: PagesSite
    gateway: Gateway

    def sign_in(self) -> Iterator[State]:
        views = self._open("anything")
        yield "signed out", views
        for view in views:
            view.screen.sign_in("nobody", "wrong")
            view.await_text("sign-in-error", "error_invalid_credentials")
        yield "wrong password", views
        for view in views:
            view.screen.sign_in(self.pages.site.elsewhere["viewers"][0]["username"], self.pages.password)
            wait_until(lambda view=view: view.screen.sees("lost") != "")  # type: ignore[misc]
        yield "not found", views

    def first_show(self) -> Iterator[State]:
        """Yield the states of a show that is moved, cancelled and brought back, starts late, and is ended early."""
        views = self._enter(self.pages.site.shown)
        yield from self._until_the_start(views)
        yield from self._away(views)
        with self.pages.site.paused_qcluster():
            self._move(time.time() + 2)
            for view in views:
                view.read()  # no event announces that a show is due
            yield "due", _show(views, "due")
        yield "live", _show(views, "not_begun", "let_in")
        yield from self._until_the_end(views)

    def _until_the_start(self, views: list[View]) -> Iterator[State]:
        streamers = views[0]
        yield "no show yet", _show(views, "no_show_yet")
        self.pages.site.create_show(starts_in_seconds=2 * 86_400, lasts_seconds=600)
        yield "scheduled", _show(views, "scheduled")
        streamers.screen.click("[data-minutes='5']")
        yield "moved", _show(views, "moved")
        streamers.screen.click("#cancel")
        yield "asked to cancel", [streamers]
        streamers.screen.click("#ask-yes")
        yield "cancelled", _show(views, "cancelled")
        streamers.screen.click("[data-minutes='5']")
        yield "revived", _show(views, "revived")

    def _until_the_end(self, views: list[View]) -> Iterator[State]:
        streamers, payers = views[0], [view for view in views if view.kind == "watch"]
        stranger = self.pages.site.elsewhere["viewers"][0]
        yield "not paid", _show(self._enter(self.pages.site.shown, stranger, ["watch"]), "not_paid")
        for view in payers:
            view.screen.click("#help summary")
            wait_until(lambda view=view: view.is_explained())  # type: ignore[misc]
        streamers.screen.click("#begin")
        yield "begun", _show(views, "begun", "let_in")
        streamers.screen.click("[data-minutes='5']")
        streamers.await_text("answer", "done_extend", "end_moved")
        yield "extended", views
        streamers.screen.click("#end")
        yield "asked to end", [streamers]
        streamers.screen.click("#ask-yes")
        yield "ended early", _show(views, "ended_early")

    def _away(self, views: list[View]) -> Iterator[State]:
        """Take away Pusher, the API and the network in turn, and yield the state that follows each."""
        self.pages.site.sockets.go_away()
        for view in views:
            view.await_text("connection", "realtime_away")
        yield "Pusher away", views
        self.gateway.refuse(503, "unavailable")
        for view in views:
            view.await_text("connection", "api_unavailable")
        yield "API away", views
        self.gateway.refuse(503, "unavailable", times=0)
        for view in views:
            view.screen.page.set_offline(True)
            view.read()
            view.await_text("connection", "unreachable")
        yield "offline", views
        for view in views:
            view.screen.page.set_offline(False)
            view.read()
        self.pages.site.sockets.come_back()
        for view in views:
            view.await_text("connection", "channels_open")

    def session_that_ends(self) -> Iterator[State]:
        """Yield the states of a session that ends before its show. The payments are then due back."""
        site = self.pages.site
        seeded = site.elsewhere
        self._sign_in_streamer(seeded)
        goal = ShowFundingGoal.objects.get(pk=seeded["funding_goal_id"])
        site.api.post("/goals?type=show", show_body(goal))
        views = self._enter(seeded)
        _show(views, "scheduled")
        site.api.post(f"/sessions/{seeded['session_id']}/end", {"cancel_shows": True}, wanted=200)
        yield "lapsed", _show(views, "session_ended")
        again = self._enter(seeded)
        _show([view for view in again if view.kind == "watch"], "refund_due")
        for view in again:
            if view.kind == "shows":
                view.await_text("reason", "session_ended")
                view.await_text("outcome", "outcome_refund_due")
        yield "refund due", again

    def show_to_its_end(self) -> Iterator[State]:
        """Yield the states of a show from its funding to its end."""
        site = self.pages.site
        seeded = site.shown
        self._sign_in_streamer(seeded)
        session = Session.objects.get(pk=seeded["session_id"])
        funding = site.api.post("/goals?type=show-funding", funding_body(session))
        self._pay(funding["id"], seeded["viewers"][0])
        views = self._enter({**seeded, "funding_goal_id": funding["id"]})
        wait_until(lambda: "200" in views[0].screen.sees("reason"))
        yield "funding open", _show(views, "funding_open")
        site.api.post(f"/goals/{funding['id']}/close", {}, wanted=200)
        body = show_body(ShowFundingGoal.objects.get(pk=funding["id"]), nbf=int(time.time()) + 3)
        body["levels"] = [{"title": "A very long title of a show, which was not made for a small screen", "target": 12}]
        site.api.post("/goals?type=show", body)
        _show(views, "not_begun", "let_in")
        views[0].screen.click("#begin")
        _show(views, "begun", "let_in")
        _show(views, "ended")
        for view in views:
            view.await_text("outcome", "outcome_earned", "outcome_in_question")
        yield "ended", views

    def _open(self, goal_id: str, kinds: Sequence[str] = KINDS, query: str = "") -> list[View]:
        base = f"http://{self.gateway.address}"
        return [
            View(kind, language, self.pages.open(f"/{kind}/{goal_id}?lang={language}{query}", base=base))
            for kind in kinds
            for language in LANGUAGES
        ]

    def _enter(self, seeded: Seeded, payer: Seeded | None = None, kinds: Sequence[str] = KINDS) -> list[View]:
        """Open the pages of a funding goal, and sign in."""
        views = self._open(seeded["funding_goal_id"], kinds, f"&session_id={seeded['session_id']}")
        people = {"shows": seeded["streamer"], "watch": payer or seeded["viewers"][0]}
        for view in views:
            view.screen.sign_in(people[view.kind]["username"], seeded["streamer"]["password"])
        for view in views:
            view.await_text("connection", "channels_open")
        return views

    def _sign_in_streamer(self, seeded: Seeded) -> None:
        streamer = seeded["streamer"]
        self.pages.site.api.sign_in(streamer["username"], streamer["password"])

    def _move(self, nbf: float) -> None:
        goals = self._call("GET", f"/goals?type=show&session_id={self.pages.site.shown['session_id']}")
        self._call("PATCH", f"/goals/{goals['results'][0]['id']}", {"nbf": int(nbf)})

    def _pay(self, funding_id: str, viewer: Seeded) -> None:
        self._call("POST", f"/goals/{funding_id}/contributions", {"amount": 200}, viewer)

    def _call(self, method: str, path: str, body: Any = None, person: Seeded | None = None) -> Any:
        access = (person or self.pages.site.shown["streamer"])["access"]
        headers = {"Authorization": f"Bearer {access}", "Idempotency-Key": path[-100:]}
        answer = requests.request(method, self.pages.site.api.base_url + path, json=body, headers=headers, timeout=10)
        assert answer.ok, answer.text
        return answer.json()


def _show(views: list[View], *reasons: str) -> list[View]:
    """Wait until each page shows one of these reasons, as far as it has texts for them. Return the pages."""
    for view in views:
        view.await_text("reason", *(reason for reason in reasons if reason in TEXTS[view.kind]))
    return views
