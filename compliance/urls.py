from django.urls import path

from compliance.views import approvals, authoring, clocks, exports, home, matrix, people, programmes, tasks

app_name = "compliance"
urlpatterns = [
    path("", home.home, name="home"),
    path("programmes/", programmes.programme_list, name="programme-list"),
    path("programmes/<slug:slug>/", programmes.programme_detail, name="programme-detail"),
    path("compliance/", matrix.matrix, name="matrix"),
    path("compliance/sheet/", matrix.sheet, name="sheet"),
    path("compliance/people.csv", exports.people_csv, name="people-csv"),
    path("compliance/download/", exports.download, name="certificates-download"),
    path("compliance/certificates.pdf", exports.certificates_pdf, name="certificates-pdf"),
    path("compliance/certificates.zip", exports.certificates_zip, name="certificates-zip"),
    path("people/", people.person_list, name="person-list"),
    path("people/add/", people.person_add, name="person-add"),
    path("people/<str:public_id>/", people.person_detail, name="person-detail"),
    path("people/<str:public_id>/name/", people.person_rename, name="person-rename"),
    path("people/<str:public_id>/licence/", people.licence_add, name="licence-add"),
    path("people/<str:public_id>/extra-time/", clocks.accommodation_add, name="accommodation-add"),
    path("people/<str:public_id>/extra-time/<int:pk>/end/", clocks.accommodation_end, name="accommodation-end"),
    path("compliance/clock/", clocks.clinic_clock, name="clinic-clock"),
    path("people/<str:public_id>/<str:clinic_id>/invite/", people.person_invite, name="person-invite"),
    path("people/<str:public_id>/<str:clinic_id>/identity/", people.identity_check, name="identity-check"),
    path("authoring/", authoring.section_list, name="section-list"),
    path("authoring/register/", authoring.register, name="register"),
    path("authoring/<slug:slug>/pictures/", authoring.picture_list, name="picture-list"),
    path("authoring/<slug:slug>/<slug:section>/", authoring.section_edit, name="section-edit"),
    path("authoring/<slug:slug>/<slug:section>/check/", authoring.section_check, name="section-check"),
    path("authoring/<slug:slug>/<slug:section>/publish/", authoring.section_publish, name="section-publish"),
    path("authoring/<slug:slug>/<slug:section>/settle/", authoring.section_settle, name="section-settle"),
    path("approvals/", approvals.approval_list, name="approval-list"),
    path("approvals/<slug:code>/", approvals.approval_detail, name="approval-detail"),
    path("tasks/<str:public_id>/", tasks.task, name="task"),
    path("people/<str:public_id>/<str:clinic_id>/end/", people.membership_end, name="membership-end"),
]
