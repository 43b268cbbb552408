"""What a dry run makes of a delivery: it is finished, and shown as it would have gone on. Pure."""

from typing import assert_never

from app import shown
from app.destination import Item, Reject, Request, Single, Skip, Unmapped
from app.moves import Head, Settlement
from app.shown import Shown


def rehearsed(
    head: Head, seen: Single | Exception, request: Request | None, now: int
) -> Settlement:
    """The settlement of a delivery in a dry run; `request` is what its item alone becomes."""
    if isinstance(seen, Skip):
        return Settlement(head, "skipped")
    return Settlement(head, "dry_run", payload=shown.encode(_shown(head, seen, request, now)))


def _shown(
    head: Head, seen: Item | Reject | Unmapped | Exception, request: Request | None, now: int
) -> Shown:
    id_, user = head.delivery.id, head.delivery.user
    match seen:
        case Item():
            if request is None:
                raise ValueError(f"{id_}: expected the request that its item becomes; found none")
            return Shown(id_, user, now, "sent", "", request.method, request.path, request.body)
        case Reject(why):
            return Shown(id_, user, now, "rejected", why)
        case Unmapped():
            return Shown(id_, user, now, "unmapped", "nothing says what it means")
        case Exception():
            return Shown(id_, user, now, "untransformable", f"{type(seen).__name__}: {seen}")
        case _ as never:
            assert_never(never)
