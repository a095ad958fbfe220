"""The record of changes in the admin. The button "History" of another page leads to the changes of its object."""
