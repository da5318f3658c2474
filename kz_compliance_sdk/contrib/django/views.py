"""The receiver, the health beside it, and what moderators do."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods

from kz_compliance_sdk.contrib.django.office import acting, desk
from kz_compliance_sdk.errors import StoreError
from kz_compliance_sdk.faces.operations import Route, answered, explained
from kz_compliance_sdk.services.admission import Response


@csrf_exempt  # the signature takes the place of the token
def intake(request: HttpRequest) -> HttpResponse:
    """Receive what the regulator sends."""
    headers = [(name.lower(), value) for name, value in request.headers.items()]
    return _answer(desk().receive(request.method or "", request.get_full_path(), headers, request.body))


@require_GET
def health(_request: HttpRequest) -> HttpResponse:
    """Counts and times, without any case, content or name."""
    try:
        return JsonResponse(desk().health_document())
    except StoreError as error:
        return _answer(explained(error))


def view_of(route: Route) -> Callable[..., HttpResponse]:
    """The view of one step, for whoever is signed in and has a role."""

    @login_required
    @require_http_methods([route.method])
    def view(request: HttpRequest, case_id: UUID | str = "") -> HttpResponse:
        query = {name: str(value) for name, value in request.GET.items()}
        return _answer(answered(route, desk(), acting(request), str(case_id), query, request.headers, request.body))

    return view


def _answer(given: Response) -> HttpResponse:
    return HttpResponse(given.body, status=given.status, headers=dict(given.headers))
