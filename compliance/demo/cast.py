"""Who is in the demo. All names, clinics and licences are invented, and the licence numbers say so."""

from compliance.demo.histories import (
    History,
    attempt_open,
    failed_one_practical,
    failed_then_passed,
    locked,
    locked_then_passed,
    missed_one_critical,
    nothing,
    passed,
    passed_and_endorsed,
    passed_and_left,
    passed_before_adoption,
    passed_before_adoption_and_renewed,
    passed_by_retest,
    practised,
    practised_and_entrusted,
    ran_out_overnight,
    read_all,
    read_half,
    renewed_early,
    renewed_in_full,
    retest_open,
    returned_and_read_again,
    returned_and_suspended,
    revoked,
    signed_in,
    then_asks,
    then_questions_item,
)
from compliance.demo.member import ClinicPart, Licence, Part
from staff.models.clinics import Role


def _esthetics(number: int, days: int) -> Licence:
    return Licence("Esthetician", f"DEMO-EST-{number:05d}", days)


def _nurse(number: int, days: int) -> Licence:
    return Licence("Registered nurse", f"DEMO-RN-{number:05d}", days)


def _therapist(number: int, days: int) -> Licence:
    return Licence("Aesthetic therapist", f"DEMO-UK-{number:05d}", days)


def _further(
    sterilisation: History | None = None,
    contraindications: History | None = None,
    complications: History | None = None,
) -> dict[str, History]:
    """The histories with the modules beside needle depth; None where nothing is begun."""
    every = {
        "sterilisation": sterilisation,
        "contraindications": contraindications,
        "complications": complications,
    }
    return {module: history for module, history in every.items() if history}


LAKESIDE = ClinicPart(
    name="Lakeside Skin Clinic",
    address="1 Lake Road, Example Town, Colorado",
    zone="America/Denver",
    domain="lakeside.example",
    authority="Example State Board (invented)",
    adopted={"needle-depth": 457, "sterilisation": 436, "contraindications": 302, "complications": 225},
    on_leave="marcus",
    waived=("bex", "complications"),
    incident=("ravi", "sterilisation", "Gloves were not changed between two treatments."),
    sessions=(391, 32, 3),
    physician=Part(
        "physician", "Dr. Elena Ruiz", "Medical director", 2890, signed_in,
        Licence("Physician (MD)", "DEMO-MD-00112", 402), Role.PHYSICIAN,
    ),
    manager=Part("manager", "Priya Raman", "Clinic manager", 2105, signed_in, role=Role.MANAGER),
    staff=(
        Part("wilhelmina", "Wilhelmina Konstantinopoulou-Featherstonehaugh", "Senior aesthetician", 3410,
             passed_and_endorsed(251, "Careful and complete. Endorsed."), _esthetics(204, 310),
             further=_further(renewed_in_full(382, 40), passed(214), passed(163)),
             practice=practised_and_entrusted(150, 140, 130, 120)),
        Part("jose", "José Nguyễn-O'Brien", "Registered nurse", 1480,
             then_questions_item(
                 passed(118, wrong=1), 117,
                 "Two of these options read as the same instruction to me. Which word decides between them?",
                 answered=116,
                 answer="You have passed, so your result shows the best answer and why. If two options still read alike "
                 "after that, come and see me, and I take the wording to the author.",
             ), _nurse(871, 19),
             further=_further(passed(206), passed(131), passed(96)), practice=practised(90, 80, 60)),
        Part("danielle", "Danielle Osei", "Registered nurse", 720, failed_then_passed(173, 171), _nurse(902, 188),
             further=_further(passed(224), passed(141), failed_then_passed(90, 88))),
        Part("hana", "Hana Kobayashi", "Aesthetician", 1130, passed(320), _esthetics(233, 41),
             further=_further(passed(268), passed(190), passed(151)), practice=failed_one_practical(40, 30)),
        Part("marcus", "Marcus Delacroix", "Aesthetician", 990, passed(395, hour="15:20"), _esthetics(198, 97),
             further=_further(passed(380), passed(205), passed(130))),
        Part("siobhan", "Siobhán Ní Dhomhnaill", "Senior aesthetician", 2020,
             then_asks(
                 renewed_early(336, 12), 3, "nd-21",
                 "Our record sheet has one line for the whole face. Do we write a line for each area from now on, or is "
                 "there another sheet?",
             ), _esthetics(151, 266),
             further=_further(renewed_in_full(347, 21), passed(251), passed(181)),
             practice=practised_and_entrusted(170, 160, 150, 140)),
        Part("aleksandra", "Aleksandra Papadopoulou", "Aesthetician", 610, revoked(204, 38), _esthetics(287, 143),
             further=_further(passed(242), passed(170), passed(121))),
        Part("ravi", "Ravi Chandrasekaran-Iyer", "Laser and skin therapist", 505, returned_and_suspended(33, 9),
             _esthetics(301, 205),
             further=_further(passed(215), passed(63), passed(48)), practice=practised_and_entrusted(46, 40, 30, 25)),
        Part("camila", "Camila Duarte e Silva", "Aesthetician", 840, returned_and_read_again(152, 146, 143),
             _esthetics(269, -16),
             further=_further(passed(235), passed_by_retest(111, 110), passed(78))),
        Part("linh", "Phạm Thị Ngọc Linh", "Aesthetician", 1675, passed(289), _esthetics(177, 354),
             further=_further(passed(313), passed(222), passed(165)),
             practice=practised_and_entrusted(120, 115, 108, 100)),
        Part("grace", "Grace Oyelaran-Whitfield", "Nurse practitioner", 131,
             locked_then_passed(84, 82, 79, talk=77, last=75), _nurse(955, 377),
             further=_further(passed(122), passed(104), passed(58))),
        Part("ignatius", "Ignatius de la Croix-Montgomery", "Physician assistant", 380,
             passed_and_endorsed(66, "One small miss, talked over at the huddle. Endorsed."),
             Licence("Physician assistant", "DEMO-PA-00038", 27),
             further=_further(passed(299), passed(93), read_all(6))),
        Part("joaquin", "Joaquín Villaseñor", "Aesthetician", 60, nothing, _esthetics(340, 305)),
        Part("fatima", "Fatima Zahra Benali", "Aesthetician", 41, locked(19, 16, 12), _esthetics(344, 330),
             further=_further(passed(34), passed(26), read_half(7))),
        Part("tomasz", "Tomasz Wójcik-Zieliński", "Registered nurse", 24, missed_one_critical(2), _nurse(981, 341),
             further=_further(passed(15), passed(9))),
        Part("ngozi", "Ngozi Eze-Lindgren", "Aesthetician", 15, attempt_open(2), _esthetics(352, 349),
             further=_further(passed(9), read_half(5))),
        Part("aesthetician", "Maya Lindqvist", "Aesthetician", 9, nothing, _esthetics(355, 356)),
        Part("bex", "Bex Holloway", "Junior aesthetician", 5, nothing, _esthetics(358, 361)),
        Part("lea", "Lea Abernathy", "Aesthetician", 1290, passed_and_left(300, 62), _esthetics(160, 222),
             further=_further(passed(281), passed(202), passed(142))),
        Part("tom", "Tom Reyes", "Room assistant", 830, signed_in, role=Role.SUPPORT,
             further=_further(passed(129))),
    ),
)  # fmt: skip

HARBOUR = ClinicPart(
    name="Harbour Aesthetics",
    address="2 Quay Street, Example Port, England",
    zone="Europe/London",
    domain="harbour.example",
    authority="Example Council (invented)",
    adopted={"needle-depth": 452, "sterilisation": 431, "contraindications": 262},
    sessions=(318,),
    physician=Part(
        "physician", "Dr. Amara Nwosu-Hale", "Medical director", 1920, signed_in,
        Licence("Physician", "DEMO-GMC-00071", 251), Role.PHYSICIAN,
    ),
    manager=Part("manager", "Ada Quist", "Practice manager", 1455, signed_in, role=Role.MANAGER),
    staff=(
        Part("noor", "Noor Haddad", "Senior aesthetic therapist", 1610,
             passed_before_adoption_and_renewed(455, 101), _therapist(412, 290),
             further=_further(renewed_in_full(402, 72), passed(231), passed_before_adoption(44))),
        Part("olena", "Олена Шевченко", "Aesthetic nurse", 930,
             passed_and_endorsed(188, "Every answer right where it matters. Endorsed."), _nurse(611, 34),
             latin="Olena Shevchenko",
             further=_further(passed(252), passed(176), passed_before_adoption(39))),
        Part("meiling", "周美玲", "Aesthetic therapist", 540, passed(97), _therapist(437, 174), latin="Mei-Ling Zhou",
             further=_further(passed(219), failed_then_passed(136, 134), passed_before_adoption(36))),
        Part("callum", "Callum MacAllister-Ross", "Aesthetic therapist", 770, passed(143), _therapist(429, 8),
             further=_further(passed(239), passed(160), read_half(8))),
        Part("yusuf", "Yusuf Demirtaş", "Aesthetic nurse", 1205, passed(341), _nurse(598, 131),
             further=_further(passed(345), passed(201), passed_before_adoption(31))),
        Part("zanele", "Zanele Dlamini", "Aesthetic therapist", 290, failed_then_passed(233, 231, 228), _therapist(444, 75),
             further=_further(passed(261), passed(183), passed_before_adoption(27))),
        Part("idris", "Idris Llewellyn-Okonkwo", "Aesthetic nurse", 46,
             then_asks(
                 passed(21), 20, "nd-19",
                 "You write “our rule” here. Is there a published definition of the endpoint that we could put on our wall?",
                 answered=18,
                 answer="No. We found none, and the section says so: the rule is ours, and it is cautious. Please do not put it "
                 "up as a published definition.",
             ), _nurse(640, 319),
             further=_further(passed(36), retest_open(6))),
        Part("oluwaseun", "Oluwaseun Bankole-Fairweather", "Aesthetic therapist", 27, ran_out_overnight(4), _therapist(461, 338),
             further=_further(passed(15))),
        Part("beatriz", "Beatriz Fonseca", "Aesthetic nurse", 18, read_all(4), _nurse(644, 347),
             further=_further(passed(11))),
        Part("freya", "Freya Sørensdatter", "Aesthetic therapist", 13, read_half(6), _therapist(466, 352),
             further=_further(read_all(3))),
        Part("gwenllian", "Gwenllian Prys-Roberts", "Treatment room assistant", 660, signed_in, role=Role.SUPPORT,
             further=_further(read_half(3))),
    ),
)  # fmt: skip

CLINICS = (LAKESIDE, HARBOUR)
AUTHOR = ("author@lakeside.example", "Iris Penhallow")
ADMINISTRATOR = ("administrator@lakeside.example", "Otto Brandvold")
