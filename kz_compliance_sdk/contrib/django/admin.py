"""Cases in the admin, to be read and nothing else: what people decide goes another way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from kz_compliance_sdk.contrib.django.models import Case
from kz_compliance_sdk.contrib.django.office import acting, desk
from kz_compliance_sdk.domain.case import CaseState
from kz_compliance_sdk.domain.values import instant_text
from kz_compliance_sdk.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Case]
else:
    _ModelAdmin = admin.ModelAdmin  # which is generic for a type checker alone

_TIMES: Final = ("received_at", "due_at", "decided_at", "closed_at")


@admin.register(Case)
class CaseAdmin(_ModelAdmin):
    """For whoever may view cases. That a person looked at one is recorded in its ledger."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Case | None = None) -> bool:
        """Nobody."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Case | None = None) -> bool:
        """Nobody."""
        return False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """A page of the cases that run, the most urgent first, or of those in one state."""
        self._check(request)
        state = request.GET.get("state") or None
        try:
            page = desk().cases(state=state, cursor=request.GET.get("cursor") or None)
        except InvalidInput as wrong:
            raise Http404(str(wrong)) from None
        rows = [(case, instant_text(case.due_at)) for case in page.cases]
        shown = {"rows": rows, "states": list(CaseState), "state": state, "next_cursor": page.next_cursor}
        return self._page(request, "cases", "Cases", **shown)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """One case: where it stands, its items and its steps."""
        self._check(request)
        try:
            file = desk().case_file(object_id)
            desk().record_view(acting(request), object_id)
        except NotFound:
            raise Http404 from None
        times = [(name.replace("_", " "), instant_text(at)) for name in _TIMES if (at := getattr(file.case, name))]
        return self._page(request, "case", file.case.notice_id, file=file, times=times)

    def _check(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise Http404

    def _page(self, request: HttpRequest, name: str, title: str, **shown: Any) -> HttpResponse:
        context = {**self.admin_site.each_context(request), "opts": self.opts, "title": title, **shown}
        return TemplateResponse(request, f"admin/kz_compliance/{name}.html", context)
