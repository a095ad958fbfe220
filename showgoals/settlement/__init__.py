"""Decides what becomes of the payments of a funding goal, and publishes the decision."""
