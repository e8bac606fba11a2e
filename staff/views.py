from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from staff.access import StaffRequest


class DisplayForm(forms.Form):
    theme = forms.ChoiceField(
        label="Colours",
        required=False,
        choices=[("", "As the device is set"), ("light", "Light"), ("dark", "Dark")],
        widget=forms.RadioSelect,
    )


@require_http_methods(["GET", "HEAD", "POST"])
def display(request: StaffRequest) -> HttpResponse:
    """How the site looks for this person, and where her account is changed."""
    form = DisplayForm(request.POST or None, initial={"theme": request.user.theme})
    if request.method == "POST" and form.is_valid():
        request.user.theme = form.cleaned_data["theme"]
        request.user.save(update_fields=["theme"])
        messages.success(request, "Kept. It holds on every device you sign in on.")
        return redirect("staff:display")
    return render(request, "staff/display.html", {"form": form})
