"""`docs/flow.md` matches the code: each place exists, and each connected receiver has a row."""

import ast
import re

from goals import signals
from sessions_app.recordings import signals as recording_signals
from tests.docs.markdown import ROOT, in_code, read, table_rows

# Every name of the specification, in order: tasks, signals, receivers, queries, channels, events.
FLOW = (
    "POST /goals",
    "`create_new_goal`",
    "`create_show_goal`",
    "fetch `ShowFundingGoal`",
    "fetch `session`",
    "`create_goal`",
    "create `ShowGoal`",
    "signal `goal.created`",
    "`goal.created` -> `bind_karaoke_goal_to_session`",
    "`goal.created` -> `bind_exclusive_goal_to_trigger_exclusive_goal`",
    "`goal.created` -> `bind_exclusive_goals_to_session`",
    "`goal.created` -> `bind_trigger_private_goal_to_session`",
    "`goal.created` -> `snapshot_rtc_sources`",
    "`goal.created` -> `track_goals`",
    "`analytics.tasks.track`",
    "`goal.created` -> `bind_show_goal_to_funding_goal`",
    "`goal.created` -> `bind_show_goals_to_session`",
    "`show_goal_pairs__S__show_goal`",
    "signal `goal.added`",
    "`goal.added` -> `generate_livestream_feed`",
    "`goal.added` -> `trigger_notify_goal_added`",
    "`goal.added` -> `notify_stream_authorized`",
    "`invalidate_get_session_token_view_cache`",
    "`goal.added` -> `invalidate_cached_pusher_channel_data`",
    "`goal.created` -> `schedule_lifecycle_tasks`",
    "`activate_goal`",
    "fetch `ShowGoal` and modify",
    "signal `goal.started`",
    "`goal.started` -> `trigger_external_command`",
    "`goal.started` -> `update_and_notify_session_karaoke_goal`",
    "`goal.started` -> `notify_show_goal_started`",
    "`private-stream@`",
    "`presence-stream@`",
    "`private-user@`",
    "event `goal.started`",
    "`goal.started` -> `record_show_with_rtc`",
    "`StartRecord`",
    "`goal.started` -> `invalidate_cached_pusher_channel_data`",
    "`goal.started` -> `notify_stream_authorized`",
    "`$match`",
    "`$facet`",
    "`funding_goal`",
    "`show_goal`",
    "`show_targets`",
    "`$unwind`",
    "`$lookup`",
    "`$project`",
    "`remaining_seconds`",
    "`show_starts_at`",
    "batch notify (preview)",
    "batch notify (sd)",
    "`presence-stream-viewer@`",
    "event `stream.authorized`",
    "`token`",
    "`byteplus_token`",
    "`byteplus_rtc_info`",
)
RECEIVER_STEP = re.compile(r"`((?:goal|payers|settlement|recording)\.\w+)` -> `(\w+)`")


def test_flow_names_each_step_in_the_flows_order() -> None:
    steps = " | ".join(step for step, *_rest in table_rows("docs/flow.md"))
    position = 0
    missing = []
    for name in FLOW:
        found = steps.find(name, position)
        if found < 0:
            missing.append(name)
        position = max(position, found)

    assert missing == []


def test_each_place_in_the_flow_is_defined() -> None:
    places = {place for _step, where, *_rest in table_rows("docs/flow.md") for place in in_code(where)}

    assert {place for place in places if not _is_defined(place)} == set()


def test_each_row_of_the_flow_says_where_and_in_which_transaction() -> None:
    rows = list(table_rows("docs/flow.md"))

    assert [row for row in rows if len(row) != 4 or not in_code(row[1])] == []
    assert {row[3] for row in rows} == {"inside", "outside", "opens it"}


def test_flow_has_a_row_for_each_connected_receiver_and_no_other() -> None:
    rows = {
        (match[1], place)
        for step, where, *_rest in table_rows("docs/flow.md")
        if (match := RECEIVER_STEP.fullmatch(step))
        for place in in_code(where)
    }

    assert rows == _connected()


def _connected() -> set[tuple[str, str]]:
    """Return the pair (signal, file:function) of each connected receiver. A receiver's uid is its dotted path."""
    named = [*vars(signals).values(), *vars(recording_signals).values()]
    goal_signals = [value for value in named if isinstance(value, signals.GoalSignal)]
    paths = [(signal.name, key[0].rpartition(".")) for signal in goal_signals for key, *_rest in signal.receivers]
    return {(name, f"{module.replace('.', '/')}.py:{function}") for name, (module, _dot, function) in paths}


def _is_defined(place: str) -> bool:
    path, _colon, name = place.partition(":")
    if not (ROOT / path).is_file():
        return False
    body: list[ast.stmt] = ast.parse(read(path)).body
    for part in name.split("."):
        found = [node for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == part]
        if not found:
            return False
        body = found[0].body
    return True
