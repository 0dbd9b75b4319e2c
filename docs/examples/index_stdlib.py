"""Index Python's standard library: every function, class and method becomes a document.

The program reads what every machine with Python has, keeps it in a reddb database, asks it a few
questions, changes it in a few ways, closes it, opens it again and checks that everything is there.

    python docs/examples/index_stdlib.py --format yaml --modules 100

Run it with ``--dir`` to keep the database, otherwise it lives in a temporary directory.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import hashlib
import io
import platform
import sys
import sysconfig
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

import trio
from attrs import define, evolve, field, frozen
from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from reddb import (
    BinDb,
    DbConfig,
    EncodeError,
    JsonDb,
    MemDb,
    RedDb,
    RedDbError,
    RonDb,
    Snapshot,
    YamlDb,
)

# ---- What is stored: frozen classes, so the database may share documents with everybody. ----


class Kind(Enum):
    """What a definition defines."""

    FUNCTION = "function"
    METHOD = "method"
    CLASS = "class"


@frozen
class Definition:
    """One ``def`` or ``class`` statement of the standard library."""

    name: str
    qualified_name: str
    module: str
    kind: Kind
    line: int
    signature: str
    summary: str | None
    """The first line of its docstring."""
    decorators: tuple[str, ...]
    is_async: bool
    tags: tuple[str, ...] = ()


# ---- Opening: the five databases take the same arguments, so the format is one word. ----

DATABASES: dict[str, type[RedDb[Any]]] = {
    "mem": MemDb,
    "bin": BinDb,
    "json": JsonDb,
    "ron": RonDb,
    "yaml": YamlDb,
}


class CannotRunError(Exception):
    """The program cannot do its work; the message is for the person who started it."""


async def run(options: argparse.Namespace, console: Console) -> None:
    """Do the main job from the first step to the table of them all."""
    database = DATABASES[options.format]
    steps = Steps(console)
    console.print(
        f"Indexing the standard library of Python {platform.python_version()} "
        f"with {database.__name__}, {options.tasks} tasks sharing one handle"
    )
    with directory_of(options) as directory:
        config = DbConfig("stdlib", dir=directory)
        async with database.open(config, Definition) as db:
            await make_room(db, fresh=options.fresh)
            await index_library(db, options, steps)
            await look_up(db, steps)
            await turn_pages(db, steps)
            await tag_private_names(db, steps)
            await rename_a_class(db, steps)
            await hold_a_snapshot(db, steps)
            await compact(db, steps)
            expected = await fingerprint(db.snapshot())
            stats = await db.stats()

        with steps.timed("Open it again") as step:
            async with database.open(config, Definition) as db:
                found = await fingerprint(db.snapshot())
            step.result = check_reopened(expected, found, in_memory=database is MemDb)

        console.print(steps.table())
        if database is not MemDb:
            console.print(
                f"{stats.commit_count:,} commits went to the log in {stats.batch_count:,} writes; "
                f"{stats.commits_in_largest_batch} shared the largest one."
            )
            if options.dir is not None:
                console.print(f"The database is {directory}/{config.name}.{options.format}")


@contextlib.contextmanager
def directory_of(options: argparse.Namespace) -> Iterator[Path]:
    """Give the directory that was asked for, or one that is removed in the end."""
    if options.dir is not None:
        yield options.dir
    else:
        with tempfile.TemporaryDirectory(prefix="index_stdlib-") as directory:
            yield Path(directory)


async def make_room(db: RedDb[Definition], *, fresh: bool) -> None:
    """Refuse a database that holds something already, or empty it."""
    if fresh:
        await db.delete_where(lambda _: True)
    elif count := len(db.snapshot()):
        raise CannotRunError(
            f"the database holds {count:,} definitions already; --fresh removes them first"
        )


# ---- Filling it: many tasks parse in worker threads and share one handle. ----


@define
class Indexing:
    """What the indexing tasks share: the modules that are left, and those that were skipped."""

    root: Path
    modules: Iterator[Path]
    skipped: list[str] = field(factory=list)


async def index_library(db: RedDb[Definition], options: argparse.Namespace, steps: Steps) -> None:
    """Store the definitions of every module, with many tasks at once."""
    root = Path(sysconfig.get_path("stdlib"))
    modules = await trio.to_thread.run_sync(find_modules, root, options.modules)
    indexing = Indexing(root, iter(modules))
    with steps.timed("Index the modules") as step, progress_bar(steps.console) as progress:
        bar = progress.add_task("modules", total=len(modules))

        async def work() -> None:
            while (path := next(indexing.modules, None)) is not None:
                await index_module(db, path, indexing)
                progress.update(bar, advance=1, description=f"{len(db.snapshot()):,} definitions")

        async with trio.open_nursery() as nursery:
            for _ in range(options.tasks):
                nursery.start_soon(work)
        indexed = len(modules) - len(indexing.skipped)
        step.result = f"{len(db.snapshot()):,} definitions in {indexed:,} modules"
    if indexing.skipped:
        steps.add("Skip what cannot be read", f"{len(indexing.skipped):,} modules, named above")
        steps.console.print("Skipped:", *sorted(indexing.skipped), sep="\n  ", soft_wrap=True)
    if not indexed:
        raise CannotRunError(f"none of the modules in {root} could be indexed")


async def index_module(db: RedDb[Definition], path: Path, indexing: Indexing) -> None:
    """Store one module's definitions in one commit, or note why not."""
    name = module_name(path.relative_to(indexing.root))
    try:
        definitions = await trio.to_thread.run_sync(parse_module, path, name)
        await db.insert(definitions)
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else str(error)
        kind = "cannot be stored" if isinstance(error, EncodeError) else "cannot be parsed"
        indexing.skipped.append(f"{name} {kind}: {reason}")


def find_modules(root: Path, limit: int | None) -> list[Path]:
    """Give the modules of the standard library, without those that pip installed."""
    installed = {"site-packages", "dist-packages"}
    paths = sorted(path for path in root.rglob("*.py") if not installed.intersection(path.parts))
    return paths[:limit]


def module_name(path: Path) -> str:
    """Give the dotted name of the module in this file."""
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and parts[:-1] else parts)


def parse_module(path: Path, module: str) -> list[Definition]:
    """Give all definitions in a file. This runs in a worker thread."""
    return list(definitions_in(ast.parse(path.read_bytes()), module))


def definitions_in(
    node: ast.AST, module: str, prefix: str = "", *, in_class: bool = False
) -> Iterator[Definition]:
    """Give the definitions below a node of the syntax tree, outer ones first."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            definition = describe(child, module, prefix, in_class=in_class)
            yield definition
            inner = f"{definition.qualified_name}."
            is_class = definition.kind is Kind.CLASS
            yield from definitions_in(child, module, inner, in_class=is_class)
        elif isinstance(child, ast.stmt | ast.ExceptHandler | ast.match_case):
            yield from definitions_in(child, module, prefix, in_class=in_class)


def describe(
    node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef,
    module: str,
    prefix: str,
    *,
    in_class: bool,
) -> Definition:
    """Give the document for one statement."""
    if isinstance(node, ast.ClassDef):
        kind, signature = Kind.CLASS, ", ".join(map(ast.unparse, node.bases))
    else:
        kind, signature = Kind.METHOD if in_class else Kind.FUNCTION, ast.unparse(node.args)
    docstring = ast.get_docstring(node) or ""
    return Definition(
        name=node.name,
        qualified_name=prefix + node.name,
        module=module,
        kind=kind,
        line=node.lineno,
        signature=f"({signature})",
        summary=docstring.partition("\n")[0] or None,
        decorators=tuple(map(ast.unparse, node.decorator_list)),
        is_async=isinstance(node, ast.AsyncFunctionDef),
    )


# ---- Asking it. ----


async def look_up(db: RedDb[Definition], steps: Steps) -> None:
    """Build an index and find definitions by name."""
    with steps.timed("Index them by name"):
        await db.add_index("by_name", lambda definition: definition.name)
    with steps.timed("Look three names up") as step:
        names = ["__init__", "open", "run"]
        found = {name: len(await db.using_index("by_name", name)) for name in names}
        step.result = ", ".join(f"{name}: {count:,}" for name, count in found.items())


async def turn_pages(db: RedDb[Definition], steps: Steps) -> None:
    """Filter, sort, and take the second page of what is left."""
    with steps.timed("Filter, sort, take a page") as step:
        undocumented = (
            db.query()
            .filter(lambda definition: definition.kind is not Kind.CLASS)
            .filter(lambda definition: definition.summary is None)
            .order_by(lambda definition: len(definition.signature), reverse=True)
        )
        page = await undocumented.skip(5).limit(5).all()
        step.result = f"{await undocumented.count():,} lack a docstring"
    steps.console.print("Without a docstring, the longest signatures, second page:")
    for found in (document.data for document in page):
        line = f"  {found.module}:{found.line} {found.qualified_name}{found.signature}"
        steps.console.print(line, no_wrap=True, overflow="ellipsis")


# ---- Changing it. ----


async def tag_private_names(db: RedDb[Definition], steps: Steps) -> None:
    """Change many documents in one atomic commit."""
    with steps.timed("Tag the private ones") as step:
        private = db.update_where(is_private)
        count = await private.exec(lambda found: evolve(found, tags=(*found.tags, "private")))
        step.result = f"{count:,} updated in one commit"


def is_private(definition: Definition) -> bool:
    """Tell whether a name begins with an underscore and is not special to Python."""
    return definition.name.startswith("_") and not is_special(definition)


def is_special(definition: Definition) -> bool:
    """Tell whether a name is of Python's own making, such as ``__init__``."""
    return definition.name.startswith("__") and definition.name.endswith("__")


async def rename_a_class(db: RedDb[Definition], steps: Steps) -> None:
    """Rename the class with the most methods, and them, and leave an alias: all or nothing."""
    with steps.timed("Rename a class in a transaction") as step:
        async with db.begin() as tx:
            methods = Counter(
                (document.data.module, document.data.qualified_name.rpartition(".")[0])
                for document in tx.query().filter(lambda found: found.kind is Kind.METHOD).all()
            )
            if not methods:
                step.result = "there is none with methods"
                return
            (module, old), _ = methods.most_common(1)[0]
            new = f"{old}Renamed"
            members = tx.query().filter(
                lambda found: (
                    found.module == module and f"{found.qualified_name}.".startswith(f"{old}.")
                )
            )
            for document in (found := members.all()):
                name = new + document.data.qualified_name.removeprefix(old)
                changed = evolve(document.data, name=name.rpartition(".")[2], qualified_name=name)
                tx.update_one(document.id, changed)
            tx.insert_one(evolve(found[0].data, signature=f"({new})", tags=("alias",)))
        step.result = f"{module}.{old}: {len(found):,} updated, 1 inserted"


async def hold_a_snapshot(db: RedDb[Definition], steps: Steps) -> None:
    """Read a snapshot in a worker thread while the database goes on changing."""
    with steps.timed("Delete beside a reader") as step:
        snapshot = db.snapshot()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(db.delete_where, is_special)
            kinds = await trio.to_thread.run_sync(count_kinds, snapshot)
        assert kinds.total() == len(snapshot), "a snapshot never changes"
        step.result = f"snapshot: {len(snapshot):,}, database: {len(db.snapshot()):,}"


def count_kinds(snapshot: Snapshot[Definition]) -> Counter[Kind]:
    """Count the definitions of each kind. This runs in a worker thread."""
    return Counter(document.data.kind for document in snapshot)


async def compact(db: RedDb[Definition], steps: Steps) -> None:
    """Rewrite the log without what was replaced or deleted."""
    with steps.timed("Compact the log") as step:
        before = (await db.stats()).file_size_bytes
        await db.compact()
        after = (await db.stats()).file_size_bytes
        step.result = f"{decimal(before)} to {decimal(after)}" if after else "there is none"


# ---- Checking that it is all there. ----


async def fingerprint(snapshot: Snapshot[Definition]) -> tuple[int, str]:
    """Give the number of documents and a checksum over all of them, ids and order included."""
    return len(snapshot), await trio.to_thread.run_sync(checksum, snapshot)


def checksum(snapshot: Snapshot[Definition]) -> str:
    """Hash every document. This runs in a worker thread."""
    digest = hashlib.sha256()
    for document in snapshot:
        digest.update(repr(document).encode())
    return digest.hexdigest()[:16]


def check_reopened(expected: tuple[int, str], found: tuple[int, str], *, in_memory: bool) -> str:
    """Say what was found on reopening.

    Raises:
        CannotRunError: It is not what was there before.
    """
    if in_memory:
        return f"a MemDb begins empty: {found[0]}"
    if found != expected:
        raise CannotRunError(f"{expected} was stored, but {found} was found on reopening")
    return f"all {found[0]:,} are there, checksum {found[1]}"


# ---- Saying what was done. ----


@define
class Step:
    """One line of the final table."""

    name: str
    result: str = ""
    seconds: float | None = None


@define
class Steps:
    """What was done so far, and where to print."""

    console: Console
    steps: list[Step] = field(factory=list)

    def add(self, name: str, result: str) -> Step:
        """Note something that took no time of its own."""
        step = Step(name, result)
        self.steps.append(step)
        return step

    @contextlib.contextmanager
    def timed(self, name: str) -> Iterator[Step]:
        """Note what the block does and how long that takes; it fills in the result."""
        step = self.add(name, "")
        began = time.perf_counter()
        yield step
        step.seconds = time.perf_counter() - began

    def table(self) -> Table:
        """Give the table of all steps."""
        table = Table(title="What was done", show_edge=False)
        table.add_column("Step")
        table.add_column("Result", overflow="fold")
        table.add_column("Seconds", justify="right")
        for step in self.steps:
            seconds = "" if step.seconds is None else f"{step.seconds:.3f}"
            table.add_row(step.name, step.result, seconds)
        return table


def progress_bar(console: Console) -> Progress:
    """Give a progress bar of the modules that are done."""
    counter = TextColumn("{task.completed}/{task.total} modules, {task.description}")
    return Progress(BarColumn(), counter, TimeElapsedColumn(), console=console)


# ---- Starting it. ----


def positive(text: str) -> int:
    """Read a whole number of at least 1."""
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def parse_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description="Index Python's standard library in a reddb database.",
        epilog="Exit status: 0 if all went well, 1 if not, 2 for a bad option.",
    )
    add = parser.add_argument
    add("--format", choices=DATABASES, default="json", help="the database (default: json)")
    add("--dir", type=Path, help="an existing directory to keep it in (default: a temporary one)")
    add("--tasks", type=positive, default=16, help="how many tasks share the work (default: 16)")
    add("--modules", type=positive, help="how many modules to index (default: all)")
    add("--fresh", action="store_true", help="empty the database first if it holds something")
    return parser.parse_args()


def first_of(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Give the first error in a group, however deep it lies."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def main() -> None:
    """Run, and turn what can go wrong in the world into one line."""
    options = parse_options()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # Not every terminal can show every name.
    console = Console(markup=False, emoji=False, highlight=False)
    warnings.simplefilter("ignore")  # The library's own tests have doubtful syntax on purpose.
    problem: BaseException | None = None
    try:
        trio.run(run, options, console)
    except* (CannotRunError, RedDbError, OSError) as group:
        problem = first_of(group)
    except* KeyboardInterrupt:
        problem = KeyboardInterrupt("interrupted")
    if problem is not None:
        sys.exit(f"index_stdlib: {problem}")


if __name__ == "__main__":
    main()
