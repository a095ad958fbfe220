"""The record of changes in the admin. The button "History" on the page of an object leads to its changes."""
