"""Loopback servers that stand in for Pusher and BytePlus in the demo and the tests.

They check with code of their own what the vendors check, and record what they receive.
"""
