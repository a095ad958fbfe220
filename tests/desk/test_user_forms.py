"""The forms of users and groups, which several members of staff have open at the same time."""

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission, User
from django.db.models.signals import post_init, pre_save
from django.test import Client
from django.urls import reverse

from api.accounts import set_active
from api.models import ChangeRecord
from tests.desk.filling import filled
from tests.factories.documents import everything_stored
from tests.factories.people import MEI, UserFactory
from tests.showgoals.pages import messages

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]
OUTDATED = [
    "Somebody has changed this since you opened the page, so nothing was written. The page shows it as it is now."
]

UNCHANGED = ["Nothing was changed."]


@pytest.fixture
def crew() -> Group:
    group = Group.objects.create(name="crew")
    group.permissions.set(Permission.objects.filter(codename__in=("view_goal", "cancel_goal")))
    return group


@pytest.fixture
def member(crew: Group) -> User:
    person: User = UserFactory(username="mei", email="mei@example.org", is_staff=True)
    person.groups.add(crew)
    return person


def page(each: User | Group) -> str:
    return reverse(f"admin:{each._meta.label_lower.replace('.', '_')}_change", args=[each.pk])


def save(client: Client, url: str, form: dict[str, Any], **changed: Any) -> Any:
    return client.post(url, {**form, **changed}, follow=True)


@pytest.mark.parametrize("taken", [{"groups": []}, {"is_staff": ""}, {"email": "new@example.org"}])
def test_form_that_was_opened_before_another_change_writes_nothing(
    admin: Client, member: User, taken: dict[str, Any]
) -> None:
    url = page(member)
    outdated = filled(admin, url)
    save(admin, url, {name: value for name, value in outdated.items() if taken.get(name) != ""}, **taken)
    before, entries = everything_stored(), LogEntry.objects.count()

    answer = save(admin, url, outdated, first_name="Mei")

    assert (answer.redirect_chain, messages(answer)) == ([(url, 302)], OUTDATED)
    assert (everything_stored(), LogEntry.objects.count()) == (before, entries)
    assert save(admin, url, filled(admin, url), first_name="Mei").redirect_chain[0][0] != url
    assert User.objects.get(pk=member.pk).first_name == "Mei"


@pytest.mark.parametrize("sent", [{"seen": ""}, {"seen": "x"}])
def test_form_that_does_not_tell_what_it_has_shown_writes_nothing(
    admin: Client, member: User, sent: dict[str, str]
) -> None:
    answer = save(admin, page(member), {**filled(admin, page(member)), **sent}, first_name="Mei")

    assert (messages(answer), User.objects.get(pk=member.pk).first_name) == (OUTDATED, "")


def test_form_that_comes_back_with_a_mistake_still_tells_what_was_shown_first(admin: Client, member: User) -> None:
    url = page(member)
    outdated = filled(admin, url)
    save(admin, url, outdated, groups=[])

    wrong = save(admin, url, outdated, email="no address")

    assert wrong.context["seen"] == outdated["seen"]
    assert f'name="seen" value="{outdated["seen"]}"' in wrong.content.decode()
    assert messages(save(admin, url, outdated)) == OUTDATED


@pytest.mark.parametrize("changed", [{"first_name": "Mei"}, {"groups": []}, {}], ids=["a name", "groups", "nothing"])
def test_form_that_is_sent_twice_is_written_once(admin: Client, member: User, changed: dict[str, Any]) -> None:
    url = page(member)
    form = filled(admin, url)
    save(admin, url, form, **changed)
    before, entries = everything_stored(), LogEntry.objects.count()

    answer = save(admin, url, form, **changed)

    assert (answer.redirect_chain, messages(answer)) == ([(reverse("admin:auth_user_changelist"), 302)], UNCHANGED)
    assert (everything_stored(), LogEntry.objects.count()) == (before, entries)


def test_form_that_is_sent_twice_at_the_same_moment_is_written_once(admin: Client, member: User) -> None:
    """Both requests read the user before one of them writes. The other one then finds nothing to change."""
    url, sent = page(member), {**filled(admin, page(member)), "first_name": "Mei", "groups": []}
    twin = Client()
    twin.cookies["sessionid"] = admin.cookies["sessionid"].value

    def come_between(instance: User, **_payload: Any) -> None:
        if instance.pk == member.pk:
            post_init.disconnect(come_between, sender=User)
            save(twin, url, sent)

    post_init.connect(come_between, sender=User)
    answer = save(admin, url, sent)

    assert messages(answer) == UNCHANGED
    assert (User.objects.get(pk=member.pk).first_name, ChangeRecord.objects.count()) == ("Mei", 1)


@pytest.mark.parametrize(("button", "leads_to"), [("_continue", page), ("_addanother", "add"), ("_save", "changelist")])
def test_button_of_an_unchanged_form_leads_to_its_usual_page(
    admin: Client, member: User, button: str, leads_to: Any
) -> None:
    answer = save(admin, page(member), filled(admin, page(member)), **{button: "Save"})

    wanted = page(member) if leads_to is page else reverse(f"admin:auth_user_{leads_to}")
    assert (answer.redirect_chain, messages(answer)) == ([(wanted, 302)], UNCHANGED)


def test_form_of_a_group_that_is_deleted_meanwhile_is_refused(admin: Client, crew: Group) -> None:
    """The group is deleted after the request has read it, and before the request writes."""
    form = filled(admin, page(crew))

    def come_between(**_payload: Any) -> None:
        post_init.disconnect(come_between, sender=Group)
        Group.objects.filter(pk=crew.pk).delete()

    post_init.connect(come_between, sender=Group)
    answer = save(admin, page(crew), form, name="team")

    assert answer.redirect_chain == [(page(crew), 302), (reverse("admin:index"), 302)]
    assert messages(answer)[:1] == OUTDATED
    assert not Group.objects.exists()


def test_outdated_form_of_a_group_returns_no_permission(admin: Client, crew: Group) -> None:
    outdated = filled(admin, page(crew))
    save(admin, page(crew), outdated, permissions=outdated["permissions"][:1])

    answer = save(admin, page(crew), outdated, name="team")

    assert messages(answer) == OUTDATED
    assert (Group.objects.get().name, Group.objects.get().permissions.count()) == ("crew", 1)


def test_what_is_written_while_a_form_is_being_saved_stays(admin: Client, member: User) -> None:
    """The form does not overwrite a deactivation and a password that are written after it has read the user."""
    form = filled(admin, page(member))

    def come_between(**_payload: Any) -> None:
        pre_save.disconnect(come_between, sender=User)
        set_active(member, to=False, by=MEI)
        other = User.objects.get(pk=member.pk)
        other.set_password("another passphrase")
        other.save()

    pre_save.connect(come_between, sender=User)
    save(admin, page(member), form, first_name="Mei")

    saved = User.objects.get(pk=member.pk)
    assert (saved.first_name, saved.is_active, saved.check_password("another passphrase")) == ("Mei", False, True)
