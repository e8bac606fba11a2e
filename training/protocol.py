"""Verbs of the clinic's protocol: sign a value, take the cautious defaults, say who may perform under which rule."""

from collections.abc import Iterable, Sequence

from django.db import transaction

from staff import audit, canonical, clock, signing
from staff.models import Clinic, Signature, StaffMember
from training import markdown
from training.models import (
    ProtocolItem,
    ProtocolReread,
    ProtocolValue,
    ReadingConfirmation,
    SectionVersion,
    StateRule,
)
from training.queries import live_versions

FORMAT = "pinpoint-protocol-1"
RULE_FORMAT = "pinpoint-state-rule-1"


def values_record(clinic: Clinic, values: Iterable[tuple[str, int, str]]) -> str:
    """What is signed: each item's code, the number of the value and its words."""
    rows = sorted([code, number, text] for code, number, text in values)
    return canonical.text({"format": FORMAT, "clinic": clinic.pk, "values": rows})


def table_text(rows: Sequence[Sequence[str]]) -> str:
    """A table's value: canonical JSON, a list of rows."""
    return canonical.text([list(row) for row in rows])


def numbers_of(clinic: Clinic) -> dict[int, int]:
    """By item, the number of the value in force."""
    rows = ProtocolValue.objects.filter(clinic=clinic).order_by("number").values_list("item", "number")
    return dict(rows)


def undecided(clinic: Clinic) -> list[ProtocolItem]:
    decided = ProtocolValue.objects.filter(clinic=clinic).values("item")
    return list(ProtocolItem.objects.exclude(pk__in=decided))


def sections_showing(item: ProtocolItem) -> list[SectionVersion]:
    """The live sections that show this decision, or teach a point that depends on it."""
    live = SectionVersion.objects.filter(places__module_version__in=live_versions()).select_related("section__module")
    depending = set(live.filter(points__depends_on=item).values_list("pk", flat=True))
    ordered = live.order_by("places__module_version__module__position", "places__position")
    # A section that stands in several versions of its module is one section.
    return [
        version
        for version in {version.pk: version for version in ordered}.values()
        if version.pk in depending
        or any(block.kind == "protocol" and block.code == item.code for block in markdown.blocks(version.text))
    ]


def readers_of(sections: Sequence[SectionVersion], clinic: Clinic) -> list[StaffMember]:
    """Who works in the clinic now and has confirmed one of these sections."""
    read = ReadingConfirmation.objects.filter(section_version__in=sections).values("person")
    people = StaffMember.objects.filter(pk__in=read, membership__clinic=clinic, membership__ended_at=None)
    return list(people.distinct().order_by("full_name", "pk"))


@transaction.atomic
def decide(
    *,
    clinic: Clinic,
    item: ProtocolItem,
    text: str,
    is_default: bool,
    reread: bool,
    seen: signing.Seen,
    by: StaffMember,
) -> ProtocolValue:
    """Sign the clinic's value of one item; with `reread` whoever read the sections that show it reads them again."""
    Clinic.objects.select_for_update().get(pk=clinic.pk)
    number = numbers_of(clinic).get(item.pk, 0) + 1
    words = item.default if is_default else text
    over = canonical.sha256(values_record(clinic, [(item.code, number, words)]))
    signature = signing.sign(
        by=by,
        clinic=clinic,
        meaning="protocol-default" if is_default else "protocol",
        subject=clinic,
        record_sha256=over,
        seen=seen.with_typed(over, on=before_sha256(clinic, item)),
    )
    value = ProtocolValue.objects.create(
        item=item,
        clinic=clinic,
        number=number,
        text=words,
        is_default=is_default,
        signature=signature,
        decided_at=clock.now(),
    )
    asked = _ask_to_reread(value) if reread else []
    audit.record(
        clinic=clinic,
        by=by,
        action="protocol.signed",
        subject=value,
        body={"item": item.code, "number": number, "text_sha256": canonical.sha256(words), "reread": sorted(asked)},
    )
    return value


def before_sha256(clinic: Clinic, item: ProtocolItem) -> str:
    """The hash of the value in force, or of the default."""
    value = ProtocolValue.objects.filter(clinic=clinic, item=item).order_by("-number").first()
    held = (item.code, value.number, value.text) if value else (item.code, 0, item.default)
    return canonical.sha256(values_record(clinic, [held]))


def _ask_to_reread(value: ProtocolValue) -> list[int]:
    sections = sections_showing(value.item)
    asked = []
    for person in readers_of(sections, value.clinic):
        for version in sections:
            ProtocolReread.objects.create(
                value=value, person=person, section=version.section, asked_at=value.decided_at
            )
        asked.append(person.pk)
    return asked


def rereadings_open(person: StaffMember, clinics: Sequence[Clinic]) -> list[tuple[ProtocolReread, SectionVersion]]:
    """What she was asked to read again because the protocol changed, and has not confirmed since."""
    rows = list(
        ProtocolReread.objects.filter(person=person, value__clinic__in=[clinic.pk for clinic in clinics])
        .select_related("value__item", "section__module")
        .order_by("-asked_at", "pk")
    )
    if not rows:
        return []
    live = {
        version.section_id: version
        for version in SectionVersion.objects.filter(
            section__in={row.section_id for row in rows}, places__module_version__in=live_versions()
        ).select_related("section__module")
    }
    confirmed = dict(
        ReadingConfirmation.objects.filter(person=person, section_version__section__in=live)
        .order_by("confirmed_at")
        .values_list("section_version__section", "confirmed_at")
    )
    newest = {row.section_id: row for row in reversed(rows)}
    return [
        (row, live[section])
        for section, row in newest.items()
        if section in live and (section not in confirmed or confirmed[section] < row.asked_at)
    ]


@transaction.atomic
def take_all_defaults(*, clinic: Clinic, seen: signing.Seen, by: StaffMember) -> Signature:
    """Every item that nobody has decided takes its cautious default, under one signature."""
    Clinic.objects.select_for_update().get(pk=clinic.pk)
    items = undecided(clinic)
    if not items:
        raise signing.SigningRefused("Every item is decided already. Nothing was signed.")
    signature = signing.sign(
        by=by,
        clinic=clinic,
        meaning="protocol-defaults",
        subject=clinic,
        record_sha256=canonical.sha256(defaults_record(clinic, items)),
        seen=seen,
    )
    take_defaults(clinic=clinic, items=items, signature=signature, by=by)
    return signature


def take_defaults(*, clinic: Clinic, items: Sequence[ProtocolItem], signature: Signature, by: StaffMember) -> None:
    """Each of these undecided items takes its cautious default under this signature, in the caller's transaction."""
    if not items:
        return
    ProtocolValue.objects.bulk_create(
        ProtocolValue(
            item=item,
            clinic=clinic,
            number=1,
            text=item.default,
            is_default=True,
            signature=signature,
            decided_at=clock.now(),
        )
        for item in items
    )
    audit.record(
        clinic=clinic,
        by=by,
        action="protocol.defaults",
        subject=signature,
        body={"items": {item.code: canonical.sha256(item.default) for item in items}},
    )


def defaults_record(clinic: Clinic, items: Sequence[ProtocolItem]) -> str:
    return values_record(clinic, [(item.code, 1, item.default) for item in items])


def rule_record(*, clinic: Clinic, number: int, rule: str, licence_types: Sequence[str]) -> str:
    return canonical.text(
        {
            "format": RULE_FORMAT,
            "clinic": clinic.pk,
            "number": number,
            "rule": rule,
            "licence_types": list(licence_types),
        }
    )


def state_rule(clinic: Clinic) -> StateRule | None:
    """The rule in force: the highest number."""
    return StateRule.objects.filter(clinic=clinic).select_related("signature").order_by("-number").first()


def rule_before_sha256(clinic: Clinic) -> str:
    """What stood on the page before the new words were typed."""
    before = state_rule(clinic)
    held = (before.number, before.rule, before.types) if before else (0, "", [])
    return canonical.sha256(rule_record(clinic=clinic, number=held[0], rule=held[1], licence_types=held[2]))


@transaction.atomic
def sign_state_rule(
    *, clinic: Clinic, rule: str, licence_types: Sequence[str], seen: signing.Seen, by: StaffMember
) -> StateRule:
    """Which licence types may perform here, and under which rule. The next number replaces the last."""
    Clinic.objects.select_for_update().get(pk=clinic.pk)
    types = list(dict.fromkeys(" ".join(one.split()) for one in licence_types if one.strip()))
    if not types or not rule.strip():
        raise signing.SigningRefused("Name the rule and at least one licence type. Nothing was signed.")
    before = state_rule(clinic)
    number = before.number + 1 if before else 1
    over = canonical.sha256(rule_record(clinic=clinic, number=number, rule=rule.strip(), licence_types=types))
    signature = signing.sign(
        by=by,
        clinic=clinic,
        meaning="state-rule",
        subject=clinic,
        record_sha256=over,
        seen=seen.with_typed(over, on=rule_before_sha256(clinic)),
    )
    row = StateRule.objects.create(
        clinic=clinic,
        number=number,
        rule=rule.strip(),
        licence_types=canonical.text(types),
        signature=signature,
        decided_at=clock.now(),
    )
    audit.record(
        clinic=clinic,
        by=by,
        action="state-rule.signed",
        subject=row,
        body={"number": number, "record_sha256": over},
    )
    return row
