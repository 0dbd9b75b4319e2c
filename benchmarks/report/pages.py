"""The fragments that ``docs/performance.md`` is made of: which figures go where.

Everything here is generated; what a person wrote about it stands in ``docs/performance.md``. A part
that was not run leaves its fragments as they were.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks import results, rust
from benchmarks.peers import PEERS, load
from benchmarks.report.tables import cell, number, table, with_spread
from benchmarks.side_by_side.mixed import MIXES
from benchmarks.targets.rows import ROWS

PAGES = Path(__file__).parent.parent.parent / "docs" / "performance"

_QUICK = """
**A quick run, on few documents, on a busy machine: it shows that everything runs, and no more.**
"""

_READS = ["get", "get, snapshot", "index lookup", "filtered scan", "ordered page"]
_WRITES = ["update_one", "delete_one", "transact", "transaction of 10"]


def write_all() -> None:
    """Write every fragment of which there are figures."""
    PAGES.mkdir(exist_ok=True)
    for part, write in WRITERS.items():
        figures = results.read(part)
        if figures:
            for name, text in write(figures):
                (PAGES / f"{name}.md").write_text(text)
    try:
        from benchmarks.report import figures as drawings  # noqa: PLC0415  # It may be missing.
    except ImportError as error:
        print(f"the plots are left as they were: {error}")
    else:
        drawings.draw_all(PAGES)


def _machine(figures: dict[str, str]) -> Iterator[tuple[str, str]]:
    text = table(["", ""], [(name, value) for name, value in figures.items() if name != "quick"])
    if figures["quick"]:
        text += _QUICK
    yield "machine", text


def _targets(figures: dict[str, Any]) -> Iterator[tuple[str, str]]:
    measured: dict[str, list[float]] = {}
    for workload in figures.values():
        for each in workload["rounds"]:
            for name, ratio in each["ratios"].items():
                measured.setdefault(name, []).append(ratio)
    rows = []
    for row in ROWS:
        values = measured.get(row.name)
        if values:
            median = statistics.median(values)
            spread = f"{number(min(values))} to {number(max(values))}"
            verdict = "met" if row.met(median) else "**not met**"
            rows.append((row.what, row.bound, number(median) + row.unit, spread, verdict))
        else:
            rows.append((row.what, row.bound, "failed", "", ""))
    yield "targets", table(["what", "target", "median", "rounds", ""], rows)
    yield "parts", _parts(figures)
    if figures["hold"]["rounds"]:
        yield "holds", _holds(_medians(figures["hold"]["rounds"]))
    if figures["latency"]["rounds"]:
        yield "latency", _latency(_medians(figures["latency"]["rounds"]))


def _parts(figures: dict[str, Any]) -> str:
    """Give the times and sizes that the ratios were made of."""
    rows = []
    for workload, found in figures.items():
        if found["rounds"] and workload not in {"hold", "latency"}:
            for name, seconds in _medians(found["rounds"]).items():
                rows.append((workload, name, f"{number(seconds * 1e6)} µs"))
            for name in found["rounds"][0]["sizes"]:
                sizes = [each["sizes"][name] for each in found["rounds"]]
                rows.append((workload, name, f"{number(statistics.median(sizes))} bytes"))
    return table(["target", "part", "median"], rows)


def _medians(rounds: list[dict[str, Any]]) -> dict[str, float]:
    names = rounds[0]["seconds"]
    return {name: statistics.median([each["seconds"][name] for each in rounds]) for name in names}


def _holds(seconds: dict[str, float]) -> str:
    parts = [" (garbage collector)", " (processor time)"]
    rows = [
        (name, *(number(seconds[name + part] * 1000) for part in ["", *parts]))
        for name in seconds
        if not name.endswith(tuple(parts))
    ]
    titles = ["longest hold", "garbage collector in it", "longest in processor time"]
    return table(["operation", *(f"{title}, ms" for title in titles)], rows)


def _latency(seconds: dict[str, float]) -> str:
    shares = ["p50", "p99", "p99.9"]
    beside = dict.fromkeys(name.partition(",")[0] for name in seconds)
    rows = [
        (name, *(number(seconds[f"{name}, {share}"] * 1000) for share in shares)) for name in beside
    ]
    return table(["while this runs", *(f"{share}, ms" for share in shares)], rows)


def title_of(peer: str) -> str:
    """Give the name that tables call a peer by."""
    try:
        return load(peer).name
    except ImportError:
        return peer


def _peers(figures: dict[str, Any]) -> Iterator[tuple[str, str]]:
    workloads = list(dict.fromkeys(name for peer in figures.values() for name in peer["cells"]))
    for level in "memory", "OS", "FSYNC":
        mine = [name for name in workloads if name.startswith(f"insert_one {level} ")]
        yield f"inserts-{level.lower()}", _side_by_side(figures, mine, _tasks)
    yield "reads", _side_by_side(figures, [name for name in workloads if name in _READS])
    mine = [name for name in workloads if name.rpartition(" ")[0] in _WRITES]
    bulk = ["bulk insert, documents", "update_where"]
    yield "writes", _side_by_side(figures, mine + bulk, _with_tasks)
    yield "mixed", _side_by_side(figures, [f"YCSB {mix}" for mix in MIXES])
    opening = [name for name in workloads if name.startswith("open ")]
    yield "opening", _side_by_side(figures, opening, _documents, first="seconds")
    memory = [name for name in workloads if name.startswith("memory, ")]
    yield (
        "memory",
        _side_by_side(figures, memory, lambda name: name.removeprefix("memory, "), first="times"),
    )
    yield "peers", "".join(_notes(figures))


def _tasks(workload: str) -> str:
    count = workload.rpartition(" ")[2]
    return f"{count} task" if count == "1" else f"{count} tasks"


def _documents(workload: str) -> str:
    return f"{int(workload.removeprefix('open ').removesuffix(', seconds')):,} documents"


def _with_tasks(workload: str) -> str:
    name, _, last = workload.rpartition(" ")
    return f"{name}, {_tasks(workload)}" if last.isdigit() else workload


def _side_by_side(
    figures: dict[str, Any],
    workloads: list[str],
    title: Callable[[str], str] = str,
    *,
    first: str = "per second",
) -> str:
    """Give a table of peers and workloads; a peer that did none of them has no line."""
    rows = []
    for peer, found in figures.items():
        cells = [cell(found["cells"].get(name)) for name in workloads]
        if any(cells):
            same = len(set(cells)) == 1 and cells[0].startswith("cannot")
            rows.append((title_of(peer), *(cells[:1] + [""] * (len(cells) - 1) if same else cells)))
    return table([first, *map(title, workloads)], rows)


def _notes(figures: dict[str, Any]) -> Iterator[str]:
    """Say how each peer was used, and what went wrong."""
    for name in PEERS:
        failed = figures.get(name, {}).get("failed", [])
        try:
            peer = load(name)
        except ImportError as error:
            yield f"- {name}: could not be used: {error}.\n"
            continue
        remarks = [peer.note] if peer.note else []
        if peer.documents_max:
            remarks.append(
                f"given {peer.documents_max:,} documents where others are given all, which would "
                "take it too long: its figures for reads and writes flatter it"
            )
        remarks += [f"failed: {each}" for each in dict.fromkeys(failed)]
        if remarks:
            yield f"- {peer.name}: {'; '.join(remarks)}.\n"


def _rust(figures: dict[str, list[float]]) -> Iterator[tuple[str, str]]:
    for name, ahead in ("rust", True), ("rust-others", False):
        rows = [
            (
                figure.what,
                number(figure.rust),
                with_spread(figures[key]),
                number(statistics.median(figures[key]) / figure.rust),
            )
            for key, figure in rust.FIGURES.items()
            if figure.ahead is ahead and key in figures
        ]
        head = ["per second", "the crate (another run)", "reddb", "reddb / the crate"]
        yield name, table(head, rows)


def _growth(figures: dict[str, dict[str, dict[str, list[float]]]]) -> Iterator[tuple[str, str]]:
    for axis, costs in figures.items():
        sizes = list(dict.fromkeys(size for points in costs.values() for size in points))
        rows = [
            (name, *(with_spread(points[size]) if size in points else "" for size in sizes))
            for name, points in costs.items()
        ]
        head = ["microseconds", *(_sized(int(size), axis) for size in sizes)]
        yield f"growth-{axis}", table(head, rows)


_ONE_OF = {"documents": "document", "tasks": "task", "indexes": "index"}


def _sized(size: int, things: str) -> str:
    return f"{size:,} {_ONE_OF[things] if size == 1 else things}"


def _profiles(figures: dict[str, list[dict[str, Any]]]) -> Iterator[tuple[str, str]]:
    text = ""
    for name, shares in figures.items():
        rows = [
            (f"`{each['where']}`", f"{each['share']:.0%}", number(each["calls"])) for each in shares
        ]
        text += f"**{name}**\n\n" + table(["where", "share", "calls a document"], rows) + "\n"
    yield "profiles", text


WRITERS: dict[str, Callable[[Any], Iterator[tuple[str, str]]]] = {
    "machine": _machine,
    "targets": _targets,
    "peers": _peers,
    "rust": _rust,
    "growth": _growth,
    "profiles": _profiles,
}
