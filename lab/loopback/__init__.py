"""Loopback servers that stand in for Pusher and BytePlus in the demo and the tests.

They check what the vendors check, with code of their own, and record what they receive.
"""
