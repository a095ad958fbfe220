"""`POST /auth/token`, `/auth/token/refresh` and `/auth/sign-out`: issue, renew and end JWTs."""

from http import HTTPStatus
from typing import Any, cast

from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import APIException, NotAuthenticated, Throttled, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from api import sign_ins
from api.access import ANYONE, SIGNED_IN, caller
from api.accounts import sign_out_everywhere
from api.authentication import active_user, verified
from api.fields import StrictBooleanField, StrictCharField
from api.passwords import sign_in
from api.serializers import OptionalBody, StrictSerializer
from api.throttles import count_identified, count_refused
from api.tokens import Claims, Kind, issue_pair, now_in_seconds
from api.views import ApiView, PublicView
from config.errors import ProductError, raises

NO_STORE = {"Cache-Control": "no-store"}


class InvalidCredentials(ProductError):
    """The user name or the password is wrong."""

    code = "invalid_credentials"
    status = 401
    detail = _("User name or password is wrong.")


class InvalidRefreshToken(ProductError):
    """The refresh token is invalid or expired, was used before, or its sign-in has ended."""

    code = NotAuthenticated.default_code
    status = 401
    detail = _("The refresh token is not valid.")


class CredentialsSerializer(StrictSerializer):
    """`{username, password}`."""

    username = StrictCharField(max_length=150)
    password = StrictCharField(max_length=4096)


class RefreshSerializer(StrictSerializer):
    """`{refresh}`."""

    refresh = StrictCharField()


class SignOutBody(OptionalBody):
    """`{everywhere?}`."""

    everywhere = StrictBooleanField(default=False)


class CredentialsView(PublicView):
    """A view whose own checks identify the caller.

    If the view refuses a request before these checks, it counts the request by address.
    """

    throttle_classes = ()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Check headers and body."""
        try:
            super().initial(request, *args, **kwargs)
        except (APIException, ProductError):
            count_refused(request)
            raise

    def checked_body(self, request: Request) -> Any:
        """Return the fields of the body. Raises ValidationError."""
        body = self.get_serializer(data=request.data)
        try:
            body.is_valid(raise_exception=True)
        except ValidationError:
            count_refused(request)
            raise
        return body.validated_data


class TokenView(CredentialsView):
    """`POST /auth/token {username, password}` -> `{access, refresh}`."""

    access = {"post": (ANYONE,)}
    serializer_class = CredentialsSerializer

    @raises(InvalidCredentials, Throttled)
    def post(self, request: Request) -> Response:
        """Sign in by name and password.

        Answers with an access token and a refresh token. A refusal does not say whether the name or the
        password is wrong.
        """
        credentials = self.checked_body(request)
        known = sign_in(request._request, **credentials)  # noqa: SLF001 - DRF has no public name
        if known is None:
            raise InvalidCredentials
        claims = Claims(str(known.document["_id"]), known.epoch, sign_ins.new_sign_in())
        return Response(issue_pair(claims, at=now_in_seconds()), headers=NO_STORE)


class RefreshView(CredentialsView):
    """`POST /auth/token/refresh {refresh}` -> `{access, refresh}`."""

    access = {"post": (ANYONE,)}
    serializer_class = RefreshSerializer

    @raises(InvalidRefreshToken, Throttled)
    def post(self, request: Request) -> Response:
        """Get new tokens.

        Answers with a new access token and a new refresh token, which replaces the one that was sent. If the same
        refresh token is sent again within 30 seconds, the answer has the same tokens. If it is sent again later,
        somebody else may have it, so the sign-in is ended with all its tokens.
        """
        raw_token = self.checked_body(request)["refresh"]
        try:
            claims = verified(Kind.REFRESH, raw_token)
            user_id = str(active_user(claims).pk)
        except NotAuthenticated as error:
            count_refused(request)
            raise InvalidRefreshToken from error
        count_identified(user_id)
        try:
            rotation = sign_ins.rotate(claims)
        except sign_ins.NotRefreshable as error:
            raise InvalidRefreshToken from error
        following = Claims(user_id, claims.epoch, claims.sign_in, rotation.number)
        return Response(issue_pair(following, at=rotation.at), headers=NO_STORE)


class SignOutView(ApiView):
    """`POST /auth/sign-out {everywhere?}`."""

    access = {"post": (SIGNED_IN,)}
    serializer_class = SignOutBody

    def post(self, request: Request) -> Response:
        """Sign out.

        Ends the access token and all other tokens of the same sign-in. With `everywhere`, ends all tokens of the
        account on all devices. The ended tokens are refused within a second. If the access token belongs to no
        sign-in, like those of `manage.py seed_demo`, the call ends all tokens of the account.
        """
        body = self.get_serializer(data=request.data)
        body.is_valid(raise_exception=True)
        user, claims = caller(request), cast(Claims, request.auth)
        if body.validated_data["everywhere"] or not claims.sign_in:
            sign_out_everywhere(user)
        else:
            sign_ins.end(str(user.pk), claims.sign_in)
        return Response(status=HTTPStatus.NO_CONTENT)
