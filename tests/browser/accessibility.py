"""Lets axe-core look for what keeps people from using a page: https://github.com/dequelabs/axe-core."""

from tests import tools
from tests.browser.chromium import Page

# A page must have none of its rules against it, not only none that axe-core calls serious.
RUN = """
axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) => violations.flatMap(
  ({ id, impact, nodes }) => nodes.map(({ target, failureSummary }) => `${impact} ${id} ${target}: ${failureSummary}`)))
"""


def findings(page: Page) -> list[str]:
    """Return what axe-core finds in the page as it is now."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(tools.AXE.read_text(encoding="utf-8"))
    found: list[str] = page.evaluate(RUN)
    return found
