"""The record of changes in the admin: one list, and behind the button "History" of each page its part of it."""
