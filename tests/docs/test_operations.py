"""`docs/operations.md` lists every setting and every durable task."""

import re

from analytics import tasks as analytics_tasks
from goals import tasks as goal_tasks
from notifications import tasks as notification_tasks
from sessions_app import tasks as session_tasks
from showgoals import tasks as show_goal_tasks
from taskqueue.durable import DurableTask
from tests.docs.markdown import in_code, read, table_rows

PAGE = "docs/operations.md"
MODULES = (analytics_tasks, goal_tasks, notification_tasks, session_tasks, show_goal_tasks)


def test_operations_page_lists_each_setting_and_no_other() -> None:
    settings = re.findall(r"^#?([A-Z][A-Z_]*)=", read(".env.example"), re.MULTILINE)
    listed = [names[0] for row in table_rows(PAGE) if (names := in_code(row[0])) and names[0].isupper()]

    assert listed == settings


def test_operations_page_says_what_each_failed_task_means() -> None:
    tasks = {name for module in MODULES for name, value in vars(module).items() if isinstance(value, DurableTask)}
    listed = {name for row in table_rows(PAGE) if len(row) == 2 for name in in_code(row[0])}

    assert tasks - listed == set()
