"""Who is in the demo. All names, clinics and licences are invented, and the licence numbers say so."""

from compliance.demo.histories import (
    attempt_open,
    failed_then_passed,
    locked,
    locked_then_passed,
    missed_one_critical,
    nothing,
    passed,
    passed_and_endorsed,
    passed_and_left,
    passed_before_adoption_and_renewed,
    ran_out_overnight,
    read_all,
    read_half,
    renewed_early,
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


LAKESIDE = ClinicPart(
    name="Lakeside Skin Clinic",
    address="1 Lake Road, Example Town, Colorado",
    zone="America/Denver",
    domain="lakeside.example",
    authority="Example State Board (invented)",
    adopted=457,
    physician=Part(
        "physician", "Dr. Elena Ruiz", "Medical director", 2890, signed_in,
        Licence("Physician (MD)", "DEMO-MD-00112", 402), Role.PHYSICIAN,
    ),
    manager=Part("manager", "Priya Raman", "Clinic manager", 2105, signed_in, role=Role.MANAGER),
    staff=(
        Part("wilhelmina", "Wilhelmina Konstantinopoulou-Featherstonehaugh", "Senior aesthetician", 3410,
             passed_and_endorsed(251, "Careful and complete. Endorsed."), _esthetics(204, 310)),
        Part("jose", "José Nguyễn-O'Brien", "Registered nurse", 1480,
             then_questions_item(
                 passed(118, wrong=1), 117,
                 "Two of these options read as the same instruction to me. Which word decides between them?",
                 answered=116,
                 answer="You have passed, so your result shows the best answer and why. If two options still read alike "
                 "after that, come and see me, and I take the wording to the author.",
             ), _nurse(871, 19)),
        Part("danielle", "Danielle Osei", "Registered nurse", 720, failed_then_passed(173, 171), _nurse(902, 188)),
        Part("hana", "Hana Kobayashi", "Aesthetician", 1130, passed(320), _esthetics(233, 41)),
        Part("marcus", "Marcus Delacroix", "Aesthetician", 990, passed(395, hour="15:20"), _esthetics(198, 97)),
        Part("siobhan", "Siobhán Ní Dhomhnaill", "Senior aesthetician", 2020,
             then_asks(
                 renewed_early(336, 12), 3, "nd-21",
                 "Our record sheet has one line for the whole face. Do we write a line for each area from now on, or is "
                 "there another sheet?",
             ), _esthetics(151, 266)),
        Part("aleksandra", "Aleksandra Papadopoulou", "Aesthetician", 610, revoked(204, 38), _esthetics(287, 143)),
        Part("ravi", "Ravi Chandrasekaran-Iyer", "Laser and skin therapist", 505, returned_and_suspended(33, 9),
             _esthetics(301, 205)),
        Part("camila", "Camila Duarte e Silva", "Aesthetician", 840, returned_and_read_again(152, 146, 143),
             _esthetics(269, -16)),
        Part("linh", "Phạm Thị Ngọc Linh", "Aesthetician", 1675, passed(289), _esthetics(177, 354)),
        Part("grace", "Grace Oyelaran-Whitfield", "Nurse practitioner", 131,
             locked_then_passed(84, 82, 79, talk=77, last=75), _nurse(955, 377)),
        Part("ignatius", "Ignatius de la Croix-Montgomery", "Physician assistant", 380,
             passed_and_endorsed(66, "One small miss, talked over at the huddle. Endorsed."),
             Licence("Physician assistant", "DEMO-PA-00038", 27)),
        Part("joaquin", "Joaquín Villaseñor", "Aesthetician", 60, nothing, _esthetics(340, 305)),
        Part("fatima", "Fatima Zahra Benali", "Aesthetician", 41, locked(19, 16, 12), _esthetics(344, 330)),
        Part("tomasz", "Tomasz Wójcik-Zieliński", "Registered nurse", 24, missed_one_critical(2), _nurse(981, 341)),
        Part("ngozi", "Ngozi Eze-Lindgren", "Aesthetician", 15, attempt_open(2), _esthetics(352, 349)),
        Part("aesthetician", "Maya Lindqvist", "Aesthetician", 9, nothing, _esthetics(355, 356)),
        Part("bex", "Bex Holloway", "Junior aesthetician", 5, nothing, _esthetics(358, 361)),
        Part("lea", "Lea Abernathy", "Aesthetician", 1290, passed_and_left(300, 62), _esthetics(160, 222)),
        Part("tom", "Tom Reyes", "Room assistant", 830, signed_in, role=Role.SUPPORT),
    ),
)  # fmt: skip

HARBOUR = ClinicPart(
    name="Harbour Aesthetics",
    address="2 Quay Street, Example Port, England",
    zone="Europe/London",
    domain="harbour.example",
    authority="Example Council (invented)",
    adopted=452,
    physician=Part(
        "physician", "Dr. Amara Nwosu-Hale", "Medical director", 1920, signed_in,
        Licence("Physician", "DEMO-GMC-00071", 251), Role.PHYSICIAN,
    ),
    manager=Part("manager", "Ada Quist", "Practice manager", 1455, signed_in, role=Role.MANAGER),
    staff=(
        Part("noor", "Noor Haddad", "Senior aesthetic therapist", 1610,
             passed_before_adoption_and_renewed(455, 101), _therapist(412, 290)),
        Part("olena", "Олена Шевченко", "Aesthetic nurse", 930,
             passed_and_endorsed(188, "Every answer right where it matters. Endorsed."), _nurse(611, 34),
             latin="Olena Shevchenko"),
        Part("meiling", "周美玲", "Aesthetic therapist", 540, passed(97), _therapist(437, 174), latin="Mei-Ling Zhou"),
        Part("callum", "Callum MacAllister-Ross", "Aesthetic therapist", 770, passed(143), _therapist(429, 8)),
        Part("yusuf", "Yusuf Demirtaş", "Aesthetic nurse", 1205, passed(341), _nurse(598, 131)),
        Part("zanele", "Zanele Dlamini", "Aesthetic therapist", 290, failed_then_passed(233, 231, 228), _therapist(444, 75)),
        Part("idris", "Idris Llewellyn-Okonkwo", "Aesthetic nurse", 46,
             then_asks(
                 passed(21), 20, "nd-19",
                 "You write “our rule” here. Is there a published definition of the endpoint that we could put on our wall?",
                 answered=18,
                 answer="No. We found none, and the section says so: the rule is ours, and it is cautious. Please do not put it "
                 "up as a published definition.",
             ), _nurse(640, 319)),
        Part("oluwaseun", "Oluwaseun Bankole-Fairweather", "Aesthetic therapist", 27, ran_out_overnight(4), _therapist(461, 338)),
        Part("beatriz", "Beatriz Fonseca", "Aesthetic nurse", 18, read_all(4), _nurse(644, 347)),
        Part("freya", "Freya Sørensdatter", "Aesthetic therapist", 13, read_half(6), _therapist(466, 352)),
        Part("gwenllian", "Gwenllian Prys-Roberts", "Treatment room assistant", 660, signed_in, role=Role.SUPPORT),
    ),
)  # fmt: skip

CLINICS = (LAKESIDE, HARBOUR)
AUTHOR = ("author@lakeside.example", "Iris Penhallow")
ADMINISTRATOR = ("administrator@lakeside.example", "Otto Brandvold")
