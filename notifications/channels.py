"""Every channel name. Each viewer has channels of their own: a presence channel holds only 100 members."""


def streamer_channels(streamer_id: str) -> tuple[str, str, str]:
    """Return the three channels of a streamer's screens and audience."""
    return (
        f"private-stream@{streamer_id}",
        f"presence-stream@{streamer_id}",
        f"private-user@{streamer_id}",
    )


def viewer_channel(streamer_id: str, preset: str, viewer_id: str) -> str:
    """Return the channel on which one viewer hears of a streamer's show; the preset is `preview` or `sd`."""
    return f"presence-stream-viewer@{streamer_id}.{preset}.{viewer_id}"
