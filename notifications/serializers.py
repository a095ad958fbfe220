"""Bodies of this room's calls."""

from api.fields import ObjectIdField
from api.serializers import StrictSerializer


class RedeliverBody(StrictSerializer):
    """`POST /goals/{id}/redeliver`."""

    viewer_id = ObjectIdField(required=False)
