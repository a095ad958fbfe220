"""The record of changes in the admin: one list, and the button "History" of each page, which shows the page's part."""
