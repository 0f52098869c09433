"""Sign-in, people, connect, system status, profile."""

from django.urls import path

from enterprise.pages import connect, demo, entrance, people, profile, rejected, status

urlpatterns = [
    path("sign-in/", entrance.sign_in, name="sign-in"),
    path("sign-out/", entrance.sign_out, name="sign-out"),
    path("enter/<str:secret>/", entrance.sign_in_link, name="sign-in-link"),
    path("people/", people.people, name="people"),
    path("people/new/", people.person_new, name="person-new"),
    path("people/<int:pk>/link/", people.person_link, name="person-link"),
    path("people/<int:pk>/role/", people.person_role, name="person-role"),
    path("people/<int:pk>/disable/", people.person_disable, name="person-disable"),
    path("people/<int:pk>/enable/", people.person_enable, name="person-enable"),
    path("connect/", connect.connect, name="connect"),
    path("connect/panel/", connect.connect_panel, name="connect-panel"),
    path("connect/live/", connect.connect_live, name="connect-live"),
    path("demo/card/", demo.card, name="demo-card"),
    path("demo/play/", demo.play_one, name="demo-play"),
    path("demo/remove/", demo.remove, name="demo-remove"),
    path("status/", status.status, name="status"),
    path("status/sources/<int:pk>/resume/", status.source_resume, name="source-resume"),
    path("status/rejected/", rejected.rejected_list, name="rejected-list"),
    path("status/rejected/replay/", rejected.rejected_replay_all, name="rejected-replay-all"),
    path("status/rejected/<int:pk>/replay/", rejected.rejected_replay, name="rejected-replay"),
    path("status/rejected/<int:pk>/body/", rejected.rejected_body, name="rejected-body"),
    path("profile/", profile.profile, name="profile"),
    path("profile/person/", profile.profile_person, name="profile-person"),
    path("profile/password/", profile.profile_password, name="profile-password"),
    path("profile/theme/", profile.profile_theme, name="profile-theme"),
]
