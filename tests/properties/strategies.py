"""Random shows with any length, progress and start, and moments near their start and end."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from goals.access import access_exp

DAY_SECONDS = 86_400


@dataclass(frozen=True)
class ShowTimes:
    """The values that decide when payers have access. `began_after` is the time from nbf to the actual beginning."""

    target_seconds: int
    progress_seconds: int
    nbf: datetime
    began_after: int | None

    @property
    def started(self) -> datetime | None:
        return None if self.began_after is None else self.nbf + timedelta(seconds=self.began_after)

    @property
    def access_exp(self) -> datetime:
        return access_exp(
            target_seconds=self.target_seconds,
            progress_seconds=self.progress_seconds,
            nbf=self.nbf,
            started=self.started,
        )

    def is_open(self, now: datetime) -> bool:
        return self.nbf <= now < self.access_exp


NBFS = st.integers(1_600_000_000, 4_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, tz=UTC))
SHOW_TIMES = st.builds(
    ShowTimes,
    target_seconds=st.integers(1, DAY_SECONDS),
    progress_seconds=st.one_of(st.just(0), st.integers(0, DAY_SECONDS + 10)),
    nbf=NBFS,
    began_after=st.none() | st.integers(-10, DAY_SECONDS),
)
# Milliseconds from the start or the end. Moments close to either are more likely than others.
NEAR = st.sampled_from((-1000, -1, 0, 1, 999, 1000)) | st.integers(-DAY_SECONDS * 1000, DAY_SECONDS * 1000)


@st.composite
def show_and_moment(draw: st.DrawFn) -> tuple[ShowTimes, datetime]:
    """Return a show and a moment near its start or its end."""
    show = draw(SHOW_TIMES)
    edge = draw(st.sampled_from((show.nbf, show.access_exp)))
    return show, edge + timedelta(milliseconds=draw(NEAR))
