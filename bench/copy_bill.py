"""One run of the baseline: `python -m bench.copy_bill FILE OUT MEMORY THREADS ORDERED [FORMAT]`.

A bare DuckDB COPY of the file to Parquet: TRY_CAST of the number columns to DECIMAL(38,18) and of
the times to TIMESTAMP, zstd, and the number of each row. No raw copy kept, no digest, nothing
checked, nothing aggregated, nothing flushed to the disk. ORDERED is 1 to keep the file's order
(a CSV's row numbers need it; DuckDB then writes a file with one thread only). FORMAT is the module
that made the file and knows its number and time columns (bench.focus_file unless given).

Prints JSON: seconds, and the process's peak memory in MB.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from pathlib import Path

from bench.processes import peak_memory


def main(
    file: Path,
    out: Path,
    memory: str,
    threads: str,
    ordered: str,
    of_format: str = "bench.focus_file",
) -> None:
    import duckdb

    made = importlib.import_module(of_format)

    connection = duckdb.connect(
        ":memory:",
        config={
            "memory_limit": memory,
            "threads": threads,
            "preserve_insertion_order": "true" if ordered == "1" else "false",
            "temp_directory": str(out.parent / "spill"),
        },
    )
    connection.execute("SET enable_progress_bar = false")
    casts = ", ".join(
        [f'TRY_CAST("{name}" AS DECIMAL(38,18)) AS "{name}"' for name in made.DECIMALS]
        + [f'TRY_CAST("{name}" AS TIMESTAMP) AS "{name}"' for name in made.TIMES]
    )
    if file.suffix == ".parquet":
        source = f"SELECT * REPLACE ({casts}) FROM read_parquet('{file}', file_row_number = true)"
    else:
        source = (
            f"SELECT * REPLACE ({casts}), row_number() OVER () AS file_row_number"
            f" FROM read_csv('{file}', header = true, all_varchar = true,"
            " delim = ',', quote = '\"')"
        )
    start = time.perf_counter()
    connection.execute(f"COPY ({source}) TO '{out}' (FORMAT parquet, COMPRESSION zstd)")
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "peak": peak_memory()}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:7])
