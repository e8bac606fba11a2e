import pytest

from certificates import names


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("Maya Lindqvist", "M. L."),
        ("José Nguyễn-O'Brien", "J. N."),
        ("E\u0301lodie  Dubois", "É. D."),
        ("王小明", "王."),
        ("محمد", "م."),
        ("", ""),
    ],
)
def test_initials(name, short):
    assert names.shown_as(name, names.INITIALS) == short
    assert names.shown_as(name, names.FULL) == name


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("maya lindqvist", "Maya Lindqvist"),
        ("Lindqvist, Maya", "Maya Lindqvist"),
        ("Jose Nguyen O'Brien", "José Nguyễn-O'Brien"),
        ("Jose Nguyen O’Brien", "José Nguyễn-O'Brien"),
        ("王小明", "王小明"),
        ("STRASSE", "Straße"),
    ],
)
def test_the_same_name(typed, name):
    assert names.same(typed, name)


@pytest.mark.parametrize("typed", ["", " . ", "Maya", "M. L.", "Maya Lindquist", "Maya Maya Lindqvist"])
def test_another_name(typed):
    assert not names.same(typed, "Maya Lindqvist")


def test_nothing_is_nobodys_name():
    assert not names.same("", "")
