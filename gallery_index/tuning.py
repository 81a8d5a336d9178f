"""The numbers by which a gallery chooses how to search and when to tidy up."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tuning:
    """None of these changes an answer. The defaults were measured (benchmarks/gallery), on 2048 dimensions.

    coarse_from: entries; a smaller gallery is scanned. scan_below, scan_share: allowed entries, and share of the
    entries; fewer are scanned. gather_share: of the entries; where fewer are allowed, a scan reads them alone, not
    all rows as they lie. two_stage_share: of the allowed; when more candidates would be needed, a scan costs as much.
    batch_…: the same for several queries at once, for which a scan is one matrix product.
    snapshot_after, snapshot_share: changes, and share of the entries, after which a snapshot is written.
    log_bytes: of SQLite's log, after which it is moved into the file.
    """

    coarse_from: int = 2_048
    scan_below: int = 1_024
    scan_share: float = 1 / 8
    gather_share: float = 3 / 4
    two_stage_share: float = 1 / 8
    batch_scan_share: float = 1 / 2
    batch_gather_share: float = 0.6
    batch_two_stage_share: float = 1 / 32
    snapshot_after: int = 20_000
    snapshot_share: float = 0.1
    log_bytes: int = 16 * 2**20
