from django.urls import path

from certificates.views import adoption, attempts, badges, certificates, enquiries, reviews, verify

app_name = "certificates"
urlpatterns = [
    path("attempts/<str:public_id>/submit/", attempts.attempt_submit, name="attempt-submit"),
    path("attempts/<str:public_id>/result/", attempts.attempt_result, name="attempt-result"),
    path("attempts/<str:public_id>/<int:position>/question/", enquiries.item_question, name="item-question"),
    path("modules/<slug:slug>/<slug:section>/ask/", enquiries.section_ask, name="section-ask"),
    path("questions/", enquiries.enquiry_list, name="enquiry-list"),
    path("questions/<str:public_id>/", enquiries.enquiry_detail, name="enquiry-detail"),
    path("certificates/", certificates.certificate_list, name="certificate-list"),
    path("certificates/<str:number>.<str:format>", certificates.certificate_file, name="certificate-file"),
    path("certificates/<str:number>/", certificates.certificate_detail, name="certificate-detail"),
    path("certificates/<str:number>/mail/", certificates.certificate_mail, name="certificate-mail"),
    path("certificates/<str:number>/name/", certificates.certificate_name, name="certificate-name"),
    path("certificates/<str:number>/revoke/", certificates.certificate_revoke, name="certificate-revoke"),
    path("certificates/<str:number>/suspend/", certificates.certificate_suspend, name="certificate-suspend"),
    path("certificates/<str:number>/lift/", certificates.certificate_lift, name="certificate-lift"),
    path("verify/", verify.verify, name="verify"),
    path("verify/file/", verify.verify_file, name="verify-file"),
    path("verify/<str:code>/", verify.verify_code, name="verify-code"),
    path("verify/<str:code>/name/", verify.verify_name, name="verify-name"),
    path("verify/<str:code>/badge.<str:format>", badges.badge_file, name="badge-file"),
    path(".well-known/did.json", badges.did, name="did"),
    path("badges/issuer", badges.issuer_profile, name="issuer-profile"),
    path("badges/keys/<str:key>", badges.issuer_key, name="issuer-key"),
    path("badges/status/<int:number>", badges.status_list, name="status-list"),
    path("reviews/", reviews.review_queue, name="review-queue"),
    path("reviews/<str:public_id>/", reviews.review_detail, name="review-detail"),
    path("reviews/<str:public_id>/talk/", reviews.review_talk, name="review-talk"),
    path("reviews/<str:public_id>/early/", reviews.review_early, name="review-early"),
    path("protocol/", adoption.protocol, name="protocol"),
    path("protocol/adopt/<slug:slug>/", adoption.module_adopt, name="module-adopt"),
]
