"""The admin site: accounts, for superusers. Everything else has its own pages, where services keep the rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, TypeAlias

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm

from labeling.models import User

if TYPE_CHECKING:  # these are generic for type checkers alone
    Creation: TypeAlias = AdminUserCreationForm[User]
    Change: TypeAlias = UserChangeForm[User]
    Accounts: TypeAlias = UserAdmin[User]
else:
    Creation, Change, Accounts = AdminUserCreationForm, UserChangeForm, UserAdmin


class NewUserForm(Creation):
    """An account by its address, which is kept in lower case, as people are looked up."""

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).lower()

    class Meta:
        model = User
        fields = ("email", "name")


class ChangeUserForm(Change):
    """An account with everything that a superuser may change of it."""

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).lower()

    class Meta:
        model = User
        fields = "__all__"


@admin.register(User)
class AccountAdmin(Accounts):
    """Accounts are found by address and name; a lost password is set here."""

    form = ChangeUserForm
    add_form = NewUserForm
    ordering = ("email",)
    list_display = ("email", "name", "is_active", "is_staff", "date_joined")
    search_fields = ("email", "name")
    list_filter = ("is_active", "is_staff", "is_superuser")
    filter_horizontal: ClassVar = ("groups", "user_permissions")
    fieldsets: ClassVar = (
        (None, {"fields": ("email", "name", "password")}),
        ("Rights", {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = (
        (None, {"classes": ("wide",), "fields": ("email", "name", "usable_password", "password1", "password2")}),
    )
