"""What every answer carries, whatever the view."""

from uuid import uuid4

from django.test import Client, override_settings


def test_each_request_has_an_id_of_its_own(client, db):
    one, other = (client.get("/verify/")["X-Request-ID"] for _ in range(2))
    assert len(one) == len(other) == 32
    assert one != other


def test_an_id_that_comes_with_the_request_is_kept_if_it_is_one(client, db):
    sent = uuid4().hex
    assert client.get("/verify/", headers={"X-Request-ID": sent})["X-Request-ID"] == sent
    assert client.get("/verify/", headers={"X-Request-ID": "42 <script>"})["X-Request-ID"] != "42 <script>"


def test_only_djangos_own_error_pages_go_without_the_policy(db):
    def policy(path: str) -> str | None:
        return Client(raise_request_exception=False).get(path).get("Content-Security-Policy")

    assert policy("/no/such/page/") == policy("/verify/")
    with override_settings(DEBUG=True):
        assert policy("/no/such/page/") is None
        assert policy("/verify/")
