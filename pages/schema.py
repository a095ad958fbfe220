"""The pages' operations, for the OpenAPI document."""

from api.openapi.operations import describe, operation
from api.openapi.schemas import TEXT
from pages.views import CACHE_CONTROL, LivePage, WatchPage

PAGES = "Pages"
HTML = ("text/html",)
HEADERS = {"Cache-Control": CACHE_CONTROL}

for page, name in ((LivePage, "getLivePage"), (WatchPage, "getWatchPage")):
    describe(page, PAGES, get=operation(name, TEXT, media_types=HTML, headers=HEADERS, uses_database=False))
