import pytest
from django.apps import apps
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from tests import factories
from tests.people import PASSWORD

OURS = ("staff", "training", "quizzes", "certificates")


@pytest.mark.django_db
def test_admin_shows_every_registered_table_to_an_administrator(client, cast, module):
    factories.make_finished(person=cast.aesthetician, course=module)
    client.force_login(cast.administrator)
    for model in admin.site._registry:
        page = client.get(reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"))
        assert page.status_code == 200, model
        row = model._default_manager.first()
        if row is not None:
            detail = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[row.pk])
            assert client.get(detail).status_code == 200, model


@pytest.mark.django_db
def test_admin_changes_nothing(client, cast, module):
    client.force_login(cast.administrator)
    for model, options in admin.site._registry.items():  # the packages' own tables too: an address is a way in
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        assert client.post(reverse(f"{name}_add"), {}).status_code == 403, model
        assert options.get_actions(client.get("/admin/").wsgi_request) == {}, model
        row = model._default_manager.first()
        if row is not None:
            assert client.post(reverse(f"{name}_change", args=[row.pk]), {}).status_code == 403, model
            assert client.post(reverse(f"{name}_delete", args=[row.pk]), {"post": "yes"}).status_code == 403, model


@pytest.mark.django_db
@pytest.mark.parametrize("person", ["manager", "physician", "author", "aesthetician"])
def test_admin_is_for_administrators(client, cast, person):
    client.force_login(getattr(cast, person))
    assert client.get("/admin/").status_code == 302


@pytest.mark.django_db
def test_admin_has_no_door_of_its_own(client, cast):
    """Django's would take the password alone, as often as one likes, and open a session that nobody is shown."""
    factories.give_app(person=cast.administrator)
    typed = {"username": cast.administrator.email, "password": PASSWORD}
    for path in ("/admin/login/", "/admin/login/?next=/admin/"):
        assert client.post(path, typed)["Location"] == "/accounts/login/?next=/admin/"
        assert client.get(path)["Location"] == "/accounts/login/?next=/admin/"
        assert "_auth_user_id" not in client.session
    assert client.get("/admin/", follow=True).redirect_chain[-1][0] == "/accounts/login/?next=/admin/"
    client.force_login(cast.administrator)
    assert client.get("/admin/login/")["Location"] == "/admin/"
    assert client.post("/admin/password_change/")["Location"] == "/accounts/password/change/"
    other = Client()
    other.force_login(cast.physician)
    assert other.get("/admin/", follow=True).status_code == 403


def test_every_record_of_ours_is_in_the_admin_or_hangs_on_one():
    shown = {model for model in admin.site._registry if model._meta.app_label in OURS}
    hanging = {
        "ActorName", "Citation", "Section", "ModuleVersionSection", "Passage", "Picture", "Reading", "QuestionPoint", "Quiz",
        "AttemptItem", "AttemptItemPoint", "Response", "LateAnswer", "Seal", "Mark", "AnswerSeen", "NumberSeries",
        "ObservedLine", "ObservedScore", "Acknowledgement", "CertificateBasis",
    }  # fmt: skip
    missing = {m.__name__ for app in OURS for m in apps.get_app_config(app).get_models()} - {m.__name__ for m in shown}
    # Nobody is shown how one person practised: a physician sees it added up, and that is said where one practises.
    assert missing == hanging | {"PracticeAnswer"}
