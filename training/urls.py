from django.urls import path

from training import binder, views

app_name = "training"
urlpatterns = [
    path("binder/", binder.binder, name="binder"),
    path("binder/<slug:slug>/", binder.binder_card, name="binder-card"),
    path("search/", views.search_page, name="search"),
    path("glossary/", views.glossary_page, name="glossary"),
    path("pictures/<slug:sha256>/", views.picture, name="picture"),
    path("modules/", views.module_list, name="module-list"),
    path("modules/<slug:slug>/", views.module_detail, name="module-detail"),
    path("modules/<slug:slug>/print/", views.module_print, name="module-print"),
    path("modules/<slug:slug>/critical-points/", views.module_points, name="module-points"),
    path("modules/<slug:slug>/<slug:section>/", views.section_detail, name="section-detail"),
    path("modules/<slug:slug>/<slug:section>/read/", views.section_confirm, name="section-confirm"),
    path("modules/<slug:slug>/<slug:section>/place/", views.section_place, name="section-place"),
]
