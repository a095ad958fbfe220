"""The parameters of StartRecord: what is recorded, how, and where it is stored.

Source: BytePlus RTC, StartRecord, version 2022-06-01. Sizes are in pixels, times in seconds, and bit rates in kbit/s.
"""

from collections.abc import Mapping
from typing import Any

from sessions_app.rtc.base import StartRecord

# The setting BYTEPLUS_RECORDING may override individual keys of each part.
DEFAULTS: dict[str, dict[str, Any]] = {
    "Encode": {"VideoWidth": 1280, "VideoHeight": 720, "VideoFps": 30, "VideoBitrate": 2000},
    "Layout": {"LayoutMode": 0},
    "Control": {"MediaType": 0, "FrameInterpolationMode": 0, "MaxIdleTime": 180, "MaxRecordTime": 0},
}


def start_record_body(
    app_id: str, call: StartRecord, storage: Mapping[str, Any], recording: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the parameters. `recording` overrides keys of DEFAULTS. The default Type of StorageConfig is 0."""
    chosen = recording or {}
    return {
        "AppId": app_id,
        "RoomId": call.room_id,
        "TaskId": call.task_id,
        "RecordMode": 0,
        "TargetStreams": {"StreamList": [{"Index": 0, "UserId": call.streamer_id, "StreamType": 0}]},
        **{part: {**default, **chosen.get(part, {})} for part, default in DEFAULTS.items()},
        "FileFormatConfig": {"FileFormat": ["MP4"]},
        "FileNameConfig": {"Prefix": ["shows", call.room_id], "Pattern": "{TaskId}_{RoomId}_{StartTime}"},
        "StorageConfig": {"Type": 0, **storage},
    }
