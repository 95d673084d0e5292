"""One file per bill format; each has a class that is a :class:`~costs.bills.description.Reader`.

The format of a file is told by its columns, never by its name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from costs.bills.description import Columns, Reader, UnreadableBill


@cache
def all_readers() -> tuple[Reader, ...]:
    """An instance of the reader of every module in this package, by module name."""
    return tuple(_find())


def _find() -> Iterator[Reader]:
    for module in sorted(iter_modules(__path__), key=lambda found: found.name):
        for value in vars(import_module(f"{__name__}.{module.name}")).values():
            if isinstance(value, type) and value.__module__.endswith(f".{module.name}"):
                yield value()


def reader_for(types: Mapping[str, str]) -> Reader:
    """The reader that recognises a file with these columns (name to DuckDB type)."""
    columns = Columns(types)
    for reader in all_readers():
        if reader.recognises(columns):
            return reader
    seen = ", ".join(list(types)[:6])
    raise UnreadableBill(
        f"no known bill format has these columns: {seen[:200]}"
        f"{', …' if len(types) > 6 else ''}; "
        f"known are {', '.join(reader.name for reader in all_readers())}"
    )
