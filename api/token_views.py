"""`POST /auth/token`, `POST /auth/token/refresh`: credentials in, JWTs out."""

from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import NotAuthenticated, Throttled
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework_simplejwt.tokens import RefreshToken

from api.access import ANYONE
from api.authentication import active_user, issue_access, verified
from api.fields import StrictCharField
from api.serializers import StrictSerializer
from api.throttles import LoginThrottle, count_guess, count_identified, count_refused, forgive_guess
from api.views import PublicView
from config.errors import ProductError, raises

NO_STORE = {"Cache-Control": "no-store"}


class InvalidCredentials(ProductError):
    """The user name or the password is wrong."""

    code = "invalid_credentials"
    status = 401
    detail = _("User name or password is wrong.")


class InvalidRefreshToken(ProductError):
    """The refresh token is invalid or expired."""

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


class TokenView(PublicView):
    """`POST /auth/token {username, password}` -> `{access, refresh}`."""

    access = {"post": (ANYONE,)}
    serializer_class = CredentialsSerializer
    throttle_classes = (LoginThrottle,)

    @raises(InvalidCredentials, Throttled)
    def post(self, request: Request) -> Response:
        """Sign in by name and password.

        Answers with an access token and a refresh token. A refusal does not say whether the name or the
        password is wrong.
        """
        credentials = self.get_serializer(data=request.data)
        credentials.is_valid(raise_exception=True)
        count_guess(credentials.validated_data["username"])
        user = authenticate(request._request, **credentials.validated_data)  # noqa: SLF001 - DRF has no public name
        if not isinstance(user, User):
            raise InvalidCredentials
        forgive_guess(credentials.validated_data["username"])
        refresh = RefreshToken.for_user(user)
        return Response({"access": str(refresh.access_token), "refresh": str(refresh)}, headers=NO_STORE)


class RefreshView(PublicView):
    """`POST /auth/token/refresh {refresh}` -> `{access}`."""

    access = {"post": (ANYONE,)}
    serializer_class = RefreshSerializer
    throttle_classes = ()  # only the body tells the user

    @raises(InvalidRefreshToken, Throttled)
    def post(self, request: Request) -> Response:
        """Get a new access token.

        Answers with a new access token if the refresh token is valid and its user is active.
        """
        body = self.get_serializer(data=request.data)
        body.is_valid(raise_exception=True)
        try:
            user = active_user(verified(RefreshToken, body.validated_data["refresh"]))
        except NotAuthenticated as error:
            count_refused(request)
            raise InvalidRefreshToken from error
        count_identified(str(user.pk))
        return Response({"access": issue_access(user)}, headers=NO_STORE)
