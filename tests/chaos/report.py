"""The figures of runs and their names: for people side by side, and as JSON."""

from collections.abc import Iterator, Mapping

from tests.chaos.run import Found, Result

WIDTH = 24


def table(result: Result) -> Iterator[tuple[str, object]]:
    """The figures of a run and their names, in the order in which they are read."""
    sent = result.sent
    yield "kills", result.kills.total()
    yield "kills by kind", _listed(result.kills)
    yield "seconds under load", round(result.under_load_s)
    yield "kills a minute", round(result.kills_a_minute)
    yield "events sent", len(sent.confirmed) + len(sent.unconfirmed)
    yield "answered 200", len(sent.confirmed)
    yield "never confirmed", len(sent.unconfirmed)
    yield "answers to requests", _listed(sent.answers)
    yield "tracebacks", _listed(result.tracebacks)
    yield "keys left over", ", ".join(result.leftovers) or "none"
    yield "orphans", result.orphans
    for death in result.deaths:
        yield "died by itself", f"{death.part} {death.how} after {death.after_s:.1f} s"


def figures(found: Found) -> Iterator[tuple[str, object]]:
    """The figures of one destination and their names."""
    books, said = found.books, found.verdict
    yield "confirmed", len(books.confirmed)
    yield "billed", len(books.billed)
    yield "duplicates", books.duplicates
    yield "applied", len(books.applied)
    yield "unmapped", len(books.unmapped)
    yield "unconfirmed", len(books.doubtful)
    yield "  of which billed", len(books.doubtful & set(books.billed))
    yield "other dead letters", len(books.dead) - len(books.doubtful)
    yield "lost", len(said.lost)
    yield "stuck", len(said.stuck)
    yield "billed twice", len(said.billed_twice)
    yield "contradicted", len(said.contradicted)
    yield "strange", len(said.strange)
    yield "unaccounted", said.unaccounted
    yield "swept", said.swept
    yield "longest stall (s)", round(found.longest_stall_s, 1)
    yield "drained in (s)", "never" if found.drained_s is None else round(found.drained_s, 1)


def shown(results: Mapping[str, Result]) -> Iterator[str]:
    """The lines of a report: each run by its name, then all destinations side by side."""
    for name, result in results.items():
        yield f"{name}:"
        for title, figure in table(result):
            yield f"  {title:{WIDTH - 2}} {figure}"
    columns = {
        (name, destination): dict(figures(found))
        for name, result in results.items()
        for destination, found in result.found.items()
    }
    yield " " * WIDTH + "".join(f"{name:>12}" for name, _ in columns)
    yield " " * WIDTH + "".join(f"{destination:>12}" for _, destination in columns)
    for title in next(iter(columns.values())):
        cells = "".join(f"{column[title]!s:>12}" for column in columns.values())
        yield f"{title:{WIDTH}}{cells}"
    for name, result in results.items():
        yield f"{name + ':':{WIDTH}}{result.summary.removeprefix('chaos: ')}"


def as_json(results: Mapping[str, Result]) -> dict[str, object]:
    return {
        name: {
            **{_key(title): figure for title, figure in table(result)},
            "kills_by_kind": dict(result.kills),
            "answers_to_requests": dict(result.sent.answers),
            "tracebacks": dict(result.tracebacks),
            "destinations": {
                destination: {_key(title): figure for title, figure in figures(found)}
                for destination, found in result.found.items()
            },
        }
        for name, result in results.items()
    }


def _key(title: str) -> str:
    return title.strip().replace(" ", "_").replace("(", "").replace(")", "")


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "none"
