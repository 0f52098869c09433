"""The forms of sign-in, people and profile."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from enterprise.models import User, time_zones


class SignInForm(forms.Form):
    """Name and password; whether they are right is for `enterprise.sign_in` to say."""

    username = forms.CharField(
        label=_("Name"),
        max_length=150,
        widget=forms.TextInput(
            attrs={
                "autocomplete": "username",
                "autocapitalize": "none",
                "autofocus": True,
                "spellcheck": "false",
            }
        ),
    )
    password = forms.CharField(
        label=_("Password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


class InviteForm(forms.Form):
    """A new person: how the person signs in, and what the person may do."""

    username = forms.CharField(
        label=_("Name to sign in with"),
        max_length=150,
        help_text=_("Letters, digits and @ . + - _"),
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )
    first_name = forms.CharField(
        label=_("Name to show"),
        max_length=150,
        required=False,
        help_text=_("As colleagues know the person. Empty: the name above."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    role = forms.ChoiceField(label=_("Role"), choices=User.Role.choices, initial=User.Role.REVIEWER)


class NewPasswordForm(forms.Form):
    """A password chosen twice; its strength is for `enterprise.sign_in.set_password` to judge."""

    password = forms.CharField(
        label=_("New password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("At least 8 characters; not a common word, not your name, not only digits."),
    )
    again = forms.CharField(
        label=_("The same again"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("password") and cleaned.get("again") and cleaned["password"] != cleaned["again"]:
            self.add_error("again", _("The two are not the same."))
        return cleaned


class ChangePasswordForm(NewPasswordForm):
    """The same, by somebody who knows the old one."""

    current = forms.CharField(
        label=_("Present password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    field_order = ("current", "password", "again")

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        self._user = user
        super().__init__(*args, **kwargs)
        if not user.has_usable_password():
            del self.fields["current"]

    def clean_current(self) -> str:
        current: str = self.cleaned_data["current"]
        if not self._user.check_password(current):
            raise forms.ValidationError(_("That is not your present password."))
        return current


class PersonForm(forms.ModelForm):
    """What people say about themselves."""

    class Meta:
        model = User
        fields = ("first_name", "time_zone")
        labels = {"first_name": _("Name to show"), "time_zone": _("Time zone")}
        help_texts = {
            "first_name": _("Empty: the name you sign in with."),
            "time_zone": _("As in Europe/Berlin. Empty: the browser’s."),
        }
        widgets = {
            "first_name": forms.TextInput(attrs={"autocomplete": "name"}),
            "time_zone": forms.TextInput(
                attrs={"list": "time-zones", "autocomplete": "off", "spellcheck": "false"}
            ),
        }

    def clean_time_zone(self) -> str:
        """Zones are written as people write them: case does not matter, nor a space for the underscore."""
        value: str = self.cleaned_data["time_zone"].strip().replace(" ", "_")
        by_lower = {name.lower(): name for name in time_zones()}
        return by_lower.get(value.lower(), value)
