"""Runs axe-core, which finds obstacles for people with disabilities: https://github.com/dequelabs/axe-core."""

from tests import tools
from tests.browser.chromium import Page

# Returns one text for each element that breaks a rule. The text begins with the impact, such as "serious".
RUN = """
axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) => violations.flatMap(
  ({ id, impact, nodes }) => nodes.map(({ target, failureSummary }) => `${impact} ${id} ${target}: ${failureSummary}`)))
"""


def findings(page: Page) -> list[str]:
    """Return axe-core's findings for the page as it is now."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(tools.AXE.read_text(encoding="utf-8"))
    found: list[str] = page.evaluate(RUN)
    return found
