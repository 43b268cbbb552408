"""What of a message may leave: the words of programs. Names and values of people become stars."""

import re

_LENGTH_MAX = 200
_WORD = re.compile(r"[\w@+-]+")
_PARTS = re.compile(r"[-_]")
_OUTSIDE = re.compile(r"[^\w\s.,:;()/'=*@+-]")
_STARS = re.compile(r"\*(?:\W*\*)+")

# Of what Kable, Kana, the store, the network and the relay say. A word that may be somebody's name
# or a plan's does not belong here: what stands here is shown to whoever sees the error reports.
_VOCABULARY = """
a account accounting after again against all allowed already also an and another answer answered
answers api apikey application are array as asgi assertionerror at attempt attempts attributeerror
authenticate authentication authorization authorized away bad base be became because been before
billing body broken brokenpipeerror broker busy but by call calls cannot cap child client clientid
clients closed clusterdown code command complete conflict connect connecting connection
connectionerror connectionrefusederror connectionreseterror consumer could count created
credentials customer dataset date deadline decodeerror delta destination did disabled does done
down duplicate empty enabled ended enough error event events exceeded exception exist exists
exitcode exited expected expired failed failure feature featureid field fields filenotfounderror
for forbidden found from full gateway gave give good graphql group had handler has have host
httpexception id in index indexerror integer internal invalid is it its job json kable kana key
keyerror killed larger last later length limit limited list loading look lookuperror many matching
maximum maxmemory memory memoryerror message messageid method minimum misconf missing more most
must name negative network no noauth nobody none noperm noreplicas noscript not nothing null number
object of often on one only oom operation or oserror other others over overflowerror parameter
password peer pending permission permissionerror permissions pipeline positive prematurely process
processes properties property pump pumps quota quoted raised range rate reached read reading
readonly received record recorded recursionerror redis refusals refused replica replicas reply
request requests require required reset response responseerror result retry route running
runtimeerror same schema script seconds see segment sent server service settings several should
shut sigkill signal sigterm size socket something status store string successes syntax taken
temporarily text than that the their them there they this time timed timeout timeouterror timestamp
to token told too took traits transactionid try trying type typeerror unable unauthorized
unavailable unblocked unexpected unicodedecodeerror unknown unmapped until usage use used user
userid users valid validation validationerror value valueerror values was were when where whether
which while with within without word worker write writes writing wrong wrongpass wrongtype x you
your zerodivisionerror
"""
WORDS = frozenset(_VOCABULARY.split())


def masked(message: str) -> str:
    """The message with a star for all that is not of the vocabulary."""
    known = _WORD.sub(_known, _OUTSIDE.sub(" ", message[: 4 * _LENGTH_MAX]))
    return " ".join(_STARS.sub("*", known).split())[:_LENGTH_MAX]


def _known(word: re.Match[str]) -> str:
    """A word whose parts are all known; `customer-17` is somebody's name."""
    return word[0] if all(part in WORDS for part in _PARTS.split(word[0].lower())) else "*"
