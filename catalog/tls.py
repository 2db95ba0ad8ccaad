"""Which versions of TLS a load balancer offers under which of AWS's security policies: dated facts."""

from __future__ import annotations

from collections.abc import Mapping

_PREFIX = "ELBSecurityPolicy-"
_BY_VERSIONS: Mapping[tuple[str, ...], tuple[str, ...]] = {
    ("1.3",): (
        "TLS13-1-3-2021-06",
        "TLS13-1-3-FIPS-2023-04",
        "TLS13-1-3-FIPS-PQ-2025-09",
        "TLS13-1-3-PQ-2025-09",
    ),
    ("1.3", "1.2"): (
        "TLS13-1-2-2021-06",
        "TLS13-1-2-Ext0-FIPS-2023-04",
        "TLS13-1-2-Ext0-FIPS-PQ-2025-09",
        "TLS13-1-2-Ext1-2021-06",
        "TLS13-1-2-Ext1-FIPS-2023-04",
        "TLS13-1-2-Ext1-FIPS-PQ-2025-09",
        "TLS13-1-2-Ext1-PQ-2025-09",
        "TLS13-1-2-Ext2-2021-06",
        "TLS13-1-2-Ext2-FIPS-2023-04",
        "TLS13-1-2-Ext2-FIPS-PQ-2025-09",
        "TLS13-1-2-Ext2-PQ-2025-09",
        "TLS13-1-2-FIPS-2023-04",
        "TLS13-1-2-FIPS-PQ-2025-09",
        "TLS13-1-2-PQ-2025-09",
        "TLS13-1-2-Res-2021-06",
        "TLS13-1-2-Res-FIPS-2023-04",
        "TLS13-1-2-Res-FIPS-PQ-2025-09",
        "TLS13-1-2-Res-PQ-2025-09",
    ),
    ("1.3", "1.2", "1.1"): ("TLS13-1-1-2021-06", "TLS13-1-1-FIPS-2023-04"),
    ("1.3", "1.2", "1.1", "1.0"): (
        "TLS13-1-0-2021-06",
        "TLS13-1-0-FIPS-2023-04",
        "TLS13-1-0-FIPS-PQ-2025-09",
        "TLS13-1-0-PQ-2025-09",
    ),
    ("1.2",): (
        "FS-1-2-2019-08",
        "FS-1-2-Res-2019-08",
        "FS-1-2-Res-2020-10",
        "TLS-1-2-2017-01",
        "TLS-1-2-Ext-2018-06",
    ),
    ("1.2", "1.1"): ("FS-1-1-2019-08", "TLS-1-1-2017-01"),
    ("1.2", "1.1", "1.0"): ("2015-05", "2016-08", "FS-2018-06", "TLS-1-0-2015-04"),
}
# The tables "Protocols by policy" of docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html and
# of /network/, read 2026-11-30.
VERSIONS: Mapping[str, tuple[str, ...]] = {
    f"{_PREFIX}{name}": versions for versions, names in _BY_VERSIONS.items() for name in names
}
# What a listener has that names none and is not made in the console (the same pages).
USUAL = f"{_PREFIX}2016-08"
