"""A partner's back office. It only polls the API, and keeps a ledger of payments and their outcomes."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.e2e.running_product import Person

PAGE = "page_size=2"
FINAL = {"earned", "refund_due"}


@dataclass
class BackOffice:
    """The ledger, as of the last poll."""

    partner: Person
    payers: list[Person]
    # (funding goal, viewer) -> what the viewer has paid
    paid: dict[tuple[str, str], int] = field(default_factory=dict)
    # payment -> (funding goal, viewer, amount, outcome)
    payments: dict[str, tuple[str, str, int, str]] = field(default_factory=dict)
    # funding goal -> (state, total, payers)
    settlements: dict[str, tuple[str, int, int]] = field(default_factory=dict)

    def poll(self) -> None:
        """Read everything anew. Amounts must not have decreased, and final outcomes must not have changed."""
        for session in self._rows(self.partner, "/sessions"):
            for goal in self._rows(
                self.partner, f"/goals?session_id={session['id']}&type=show-funding&order=created_at"
            ):
                self._poll_goal(goal["id"])
        for payer in self.payers:
            for payment in self._rows(payer, "/me/contributions"):
                self._note(payer, payment)

    def _poll_goal(self, goal_id: str) -> None:
        for row in self._rows(self.partner, f"/goals/{goal_id}/payers"):
            key = goal_id, row["viewer_id"]
            assert row["amount"] >= self.paid.get(key, 0)
            self.paid[key] = row["amount"]
        settlement = self.partner.get(f"/goals/{goal_id}/settlement")
        now = settlement["state"], settlement["total"], settlement["payers"]
        before = self.settlements.get(goal_id)
        assert before is None or now[0] == before[0] or before[0] not in FINAL
        self.settlements[goal_id] = now
        told = self.partner.get(f"/goals/{goal_id}/deliveries")
        assert sum(told["sd"].values()) <= told["viewers"] <= sum(goal == goal_id for goal, _viewer in self.paid)

    def _note(self, payer: Person, payment: Any) -> None:
        now = payment["goal_id"], payer.id, payment["amount"], payment["outcome"]
        before = self.payments.get(payment["id"])
        assert before is None or before == now or (before[:3] == now[:3] and before[3] not in FINAL)
        self.payments[payment["id"]] = now

    @staticmethod
    def _rows(person: Person, path: str) -> Iterator[Any]:
        """Yield every row of a list, page by page."""
        address = f"{person.base_url}{path}{'&' if '?' in path else '?'}{PAGE}"
        while address:
            page = person.get(address.removeprefix(person.base_url))
            yield from page["results"]
            address = page["next"]
