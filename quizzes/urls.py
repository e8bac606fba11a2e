from django.urls import path

from quizzes import views

app_name = "quizzes"
urlpatterns = [
    path("attempts/<str:public_id>/<int:position>/", views.attempt_save, name="attempt-save"),
    path("attempts/<str:public_id>/", views.attempt_take, name="attempt-take"),
    path("attempts/<str:public_id>/check/", views.attempt_check, name="attempt-check"),
    path("attempts/<str:public_id>/clock/", views.attempt_clock, name="attempt-clock"),
    path("coverage/", views.coverage, name="coverage"),
    path("bank/", views.bank, name="bank"),
    path("bank/<slug:slug>/", views.bank_module, name="bank-module"),
    path("bank/<slug:slug>/form/", views.form_preview, name="form-preview"),
    path("bank/<slug:slug>/import/", views.bank_import, name="bank-import"),
    path("bank/<slug:slug>/export/<slug:form>/", views.bank_export, name="bank-export"),
    path("bank/<slug:slug>/cut-score/", views.cut_score, name="cut-score"),
    path("bank/<slug:slug>/cut-score/rate/", views.cut_rate, name="cut-rate"),
    path("bank/<slug:slug>/cut-score/<int:number>/", views.cut_file, name="cut-file"),
    path("bank/<slug:slug>/new/", views.item_new, name="item-new"),
    path("bank/<slug:slug>/drafts/<slug:point>/", views.item_drafts, name="item-drafts"),
    path("bank/<slug:slug>/<slug:code>/edit/", views.item_edit, name="item-edit"),
    path("bank/<slug:slug>/<slug:code>/", views.bank_item, name="bank-item"),
    path("modules/<slug:slug>/quiz/", views.quiz_detail, name="quiz-detail"),
    path("modules/<slug:slug>/practice/", views.practice, name="practice"),
    path("modules/<slug:slug>/practice/summary/", views.practice_summary, name="practice-summary"),
    path("modules/<slug:slug>/<slug:section>/practice/", views.practice, name="practice-section"),
]
