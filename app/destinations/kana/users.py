"""What follows for a user whom an identify names: the next call, or what Kana's API leaves undone.

The cases of create, update and merge are those of Kana's page on identify calls. Where an email
has one user besides and that came from Stripe or Chargebee, the two are one; else they are not.
"""

from collections.abc import Mapping, Sequence

from app.destination import Next
from app.destinations.kana import forwarding
from app.destinations.kana.calls import (
    SEGMENT,
    Adopt,
    Create,
    FindImport,
    Identity,
    Sharers,
    Update,
    request,
)
from app.outcome import Delivered, Flag

User = Mapping[str, object]

ADVICE = {
    "email": (
        "Set it in Kana's dashboard by a CSV import. If Stripe or Chargebee gave Kana a user of "
        "this email, merge the two there."
    ),
    "billingId": "Set it in Kana's dashboard by a CSV import.",
    "no_billing_id": (
        "Give the user a billingId in Kana's dashboard, or merge it there with the one that "
        "Stripe or Chargebee gave Kana."
    ),
    "shared_email": "Look in Kana's dashboard whether they are one, and merge them there.",
}


def found(identity: Identity, user: User) -> Delivered | Next:
    """The user is there: change what can be changed."""
    if identity.event is not None and _unapplied(identity, user):
        return _forwarded(identity.event)
    if identity.name is not None and identity.name != user.get("name"):
        return Next(request(Update(identity)))
    return kept(identity, user)


def of_nobody(identity: Identity) -> Next:
    """No user has the id. Kana knows by itself whether an import of the email is to be it."""
    if identity.email is None:
        return Next(request(Create(identity)))
    if identity.event is not None:
        return _forwarded(identity.event)
    return Next(request(FindImport(identity)))


def with_email_as_id(identity: Identity, other: User) -> Next:
    """A user has the email as its id."""
    if _is_import(identity, other):
        return Next(request(Sharers(identity)))
    return Next(request(Create(identity, shared=other.get("email") == identity.email)))


def with_same_email(identity: Identity, everybody: Sequence[object]) -> Next:
    """An import has the email: it becomes the user if nobody else has the email."""
    others = [one for one in everybody if isinstance(one, dict) and _shares(identity, one)]
    if len(others) == 1 and _is_import(identity, others[0]):
        return Next(request(Adopt(identity, str(others[0]["id"]))))
    return Next(request(Create(identity, shared=True)))


def kept(identity: Identity, user: User, *, shared: bool = False) -> Delivered:
    """Kana has the user as shown; what its API cannot change is flagged."""
    flags = [_change(about, wanted, user) for about, wanted in _unapplied(identity, user).items()]
    lifted = [about for about, wanted in _said(identity).items() if wanted == user.get(about)]
    if user.get("billingId"):
        lifted.append("no_billing_id")
    elif identity.billing_id is None:
        flags.append(_state("no_billing_id", "The user has no billingId, so Kana cannot bill it."))
    if shared:
        why = f"Other users have the email {identity.email} too."
        flags.append(_state("shared_email", why))
    return Delivered(tuple(flags), tuple(lifted))


def _change(about: str, wanted: str, user: User) -> Flag:
    has = user.get(about)
    why = f"Kana's Admin API has no call that changes a user's {about}."
    return Flag(about, why, ADVICE[about], wanted, has if isinstance(has, str) else None)


def _state(about: str, why: str) -> Flag:
    return Flag(about, why, ADVICE[about], shown_there=True)


def _unapplied(identity: Identity, user: User) -> dict[str, str]:
    """What was said and differs at Kana, whose Admin API cannot change it."""
    said = _said(identity)
    return {about: wanted for about, wanted in said.items() if wanted != user.get(about)}


def _said(identity: Identity) -> dict[str, str]:
    said = {"email": identity.email, "billingId": identity.billing_id}
    return {about: wanted for about, wanted in said.items() if wanted is not None}


def _forwarded(identify: bytes) -> Next:
    return Next(forwarding.request(identify, forwarding.Forward(repeatable=True), SEGMENT))


def _is_import(identity: Identity, other: User) -> bool:
    """Whether it came from Stripe or Chargebee, and may be the user by its billing id."""
    billing_id = other.get("billingId")
    fits = identity.billing_id in (None, billing_id)
    return bool(billing_id) and fits and other.get("id") == other.get("email") == identity.email


def _shares(identity: Identity, other: User) -> bool:
    return other.get("email") == identity.email and other.get("id") != identity.id
