"""Logging in and out, and a person's own profile."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView, LogoutView, PasswordResetConfirmView
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse_lazy
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache

from labeling import access
from labeling.errors import Invalid, NotAllowed
from labeling.models import ApiToken
from labeling.services import people
from labeling.services import profile as profiles
from labeling.views.pages import MemberRequest, page


class LoginForm(AuthenticationForm):
    """Address and password."""

    username = forms.EmailField(
        label="E-mail", widget=forms.EmailInput(attrs={"autofocus": True, "autocomplete": "username"})
    )

    def clean(self) -> dict[str, Any]:
        """Whether the pair is right. Wrong ones are counted, so that guessing does not pay."""
        email, password = self.cleaned_data.get("username"), self.cleaned_data.get("password")
        if email and password and self.request:
            try:
                self.user_cache = people.proven(
                    email=email, password=password, origin=self.request.META.get("REMOTE_ADDR", "")
                )
            except NotAllowed as error:
                raise forms.ValidationError(error.detail, code="invalid_login") from error
        return self.cleaned_data


class NameForm(forms.Form):
    """The name that others see."""

    name = forms.CharField(
        max_length=150, required=False, help_text="What others in your projects see instead of your address."
    )


class PasswordForm(forms.Form):
    """The present password and a new one."""

    old = forms.CharField(
        label="Present password",
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    new = forms.CharField(
        label="New password",
        strip=False,
        help_text="At least 10 characters, and none that people try first.",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )


login = LoginView.as_view(
    template_name="labeling/login.html", authentication_form=LoginForm, redirect_authenticated_user=True
)
logout = LogoutView.as_view()
# Where an invitation leads: the person sets a first password and is logged in. The token ends with its first use.
welcome = PasswordResetConfirmView.as_view(
    template_name="labeling/welcome.html", success_url=reverse_lazy("home"), post_reset_login=True
)


@never_cache
@page("GET", "HEAD", "POST")
def profile(request: MemberRequest) -> HttpResponseBase:
    """The person's own page; each of its forms says in `form` which it is."""
    forms_by_name = {"preferences": _save_preferences, "name": _save_name, "password": _save_password}
    save = forms_by_name.get(request.POST.get("form", "")) if request.method == "POST" else None
    return save(request) if save else _profile_page(request)


def _save_preferences(request: MemberRequest) -> HttpResponse:
    chosen = {name: request.POST[name] for name in profiles.PREFERENCES if name in request.POST}
    try:
        profiles.prefer(request.user, chosen, by=request.user)
    except Invalid as error:
        messages.error(request, error.detail)
    back = request.POST.get("next", "")
    if url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()}, require_https=request.is_secure()):
        return redirect(back)
    return redirect("profile")


def _save_name(request: MemberRequest) -> HttpResponse:
    form = NameForm(request.POST)
    if form.is_valid():
        try:
            profiles.rename(request.user, form.cleaned_data["name"], by=request.user)
        except Invalid as error:
            _place(form, error)
        else:
            messages.success(request, "Your name is saved.")
            return redirect("profile")
    return _profile_page(request, name_form=form, status=422)


def _save_password(request: MemberRequest) -> HttpResponse:
    form = PasswordForm(request.POST)
    if form.is_valid():
        try:
            user = profiles.change_password(request.user, **form.cleaned_data, by=request.user)
        except Invalid as error:
            _place(form, error)
        else:
            update_session_auth_hash(request, user)  # this session stays; all others of the person end
            messages.success(request, "Your password is changed. Other places where you were logged in are logged out.")
            return redirect("profile")
    return _profile_page(request, password_form=form, status=422)


def _place(form: forms.Form, error: Invalid) -> None:
    for fault in error.errors:
        form.add_error(fault.path if fault.path in form.fields else None, fault.message)


def _profile_page(
    request: MemberRequest,
    *,
    name_form: NameForm | None = None,
    password_form: PasswordForm | None = None,
    new_key: str = "",
    status: int = 200,
) -> HttpResponse:
    context = {
        "name_form": name_form or NameForm(initial={"name": request.user.name}),
        "password_form": password_form or PasswordForm(),
        "tokens": ApiToken.objects.filter(user=request.user).order_by("-created_at", "-pk"),
        "new_key": new_key,
        "chosen": {name: profiles.preference(request.user, name) for name in profiles.PREFERENCES},
    }
    return render(request, "labeling/profile.html", context, status=status)


@never_cache
@page("POST")
def create_token(request: MemberRequest) -> HttpResponseBase:
    """Makes a token and shows its key, this once."""
    _, key = people.create_token(request.user, name=request.POST.get("name", "").strip(), by=request.user)
    return _profile_page(request, new_key=key)


@page("POST")
def revoke_token(request: MemberRequest, token_id: int) -> HttpResponseBase:
    """Ends one of the person's own tokens."""
    token = access.get_token(request.user, token_id)
    people.revoke_token(token, by=request.user)
    messages.success(request, "The token is revoked. Programs that used it are shut out from now on.")
    return redirect("profile")
