"""What ingest refuses, and what to do about it: by the codes that docs/sources.md lists. Pure."""

from collections.abc import Mapping
from typing import Final, NamedTuple


class Meaning(NamedTuple):
    """What is wrong with the events of a code, and whose it is to mend it."""

    when: str
    cure: str


_NOT_OBJECT: Final = "Send a JSON object there, or nothing."

CODES: Final[Mapping[str, Meaning]] = {
    "no_user_anon_id": Meaning(
        "Neither userId nor anonymousId.",
        "Identify the user before the call; a server has to send userId with each event.",
    ),
    "id_required": Meaning(
        "A group without groupId, or an alias without previousId or userId.",
        "Send the id that the type of call needs.",
    ),
    "id_not_string": Meaning(
        "An id that is neither a non-empty string nor a whole number.",
        "Send ids as text: an object, a boolean or a fraction cannot name a customer.",
    ),
    "event_not_defined": Meaning("A track without event.", "Name the event."),
    "event_not_string": Meaning(
        "An event that is no string.", "Send the event's name as text, its details as properties."
    ),
    "properties_not_object": Meaning("Properties that are no object.", _NOT_OBJECT),
    "traits_not_object": Meaning("Traits that are no object.", _NOT_OBJECT),
    "name_not_string": Meaning(
        "A page or screen whose name is empty or no string.", "Send a name, or none at all."
    ),
    "category_not_string": Meaning(
        "A page or screen whose category is empty or no string.",
        "Send a category, or none at all.",
    ),
    "event_too_large": Meaning(
        "More bytes than event_bytes_max, with the context and integrations of its batch.",
        "Send less in properties and context, or raise event_bytes_max.",
    ),
    "empty_batch": Meaning("A batch without events.", "Let the sender wait until there are some."),
    "bad_request": Meaning(
        "An unknown type, a messageId of more than 100 characters, more events than "
        "batch_events_max, or JSON of more than 200 levels.",
        "The reason of each sample says which. An oversized batch counts all of its events.",
    ),
    "not_stored": Meaning(
        "An event of an image that the store did not confirm in time; nobody sends it again.",
        "Look at the store: its memory, its disk, its network.",
    ),
}
UNKNOWN: Final = Meaning("Another version of the relay has refused them.", "See docs/sources.md.")


def meaning(code: str) -> Meaning:
    return CODES.get(code, UNKNOWN)
