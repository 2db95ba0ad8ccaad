"""The collector beside the app: reads its metrics and hands them to CloudWatch, labelled by revision."""

from __future__ import annotations

import json
from typing import Any

from stacks.aws.account import Account

METRICS_PORT = 9464
GROUP = "metrics"
_EVERY_S = 15
_BY_REVISION = ("^trimaran_requests_total$", "^trimaran_first_token_seconds$", "^trimaran_between_tokens_seconds$")
_BY_BACKEND = ("^trimaran_errors_total$", "^trimaran_tokens_total$", "^trimaran_usd_total$", "^trimaran_circuit_state$")
# What scaling rests on: how much waits for an engine and how much it is doing.
QUEUED, RUNNING = "trimaran_queued", "trimaran_running"


def namespace(account: Account) -> str:
    """Where this stack's metrics are in CloudWatch."""
    return f"Trimaran/{account.stack}"


def config(account: Account, role: str, engine: str) -> str:
    """The collector's configuration, as JSON, which is YAML: metrics that nobody reads do not leave the task."""
    target = {"targets": [f"127.0.0.1:{METRICS_PORT}"], "labels": {"role": role, "engine": engine or "none"}}
    scrape = {"job_name": "app", "scrape_interval": f"{_EVERY_S}s", "static_configs": [target]}
    return json.dumps(
        {
            "extensions": {"health_check": {}},
            "receivers": {"prometheus": {"config": {"scrape_configs": [scrape]}}},
            "processors": {"resourcedetection": {"detectors": ["ecs"]}, "batch": {"timeout": f"{_EVERY_S}s"}},
            "exporters": {"awsemf": _exporter(account)},
            "service": {
                "extensions": ["health_check"],
                "pipelines": {
                    "metrics": {
                        "receivers": ["prometheus"],
                        "processors": ["resourcedetection", "batch"],
                        "exporters": ["awsemf"],
                    }
                },
            },
        }
    )


def _exporter(account: Account) -> dict[str, Any]:
    def declared(dimensions: list[list[str]], names: tuple[str, ...]) -> dict[str, Any]:
        return {"dimensions": dimensions, "metric_name_selectors": list(names)}

    return {
        "region": account.region,
        "namespace": namespace(account),
        "log_group_name": account.log_group(GROUP),
        "log_stream_name": "{TaskId}",
        "dimension_rollup_option": "NoDimensionRollup",
        "resource_to_telemetry_conversion": {"enabled": True},
        "metric_declarations": [
            declared([["role", "engine"], ["revision"]], (f"^{QUEUED}$", f"^{RUNNING}$")),
            declared([["revision"]], _BY_REVISION),
            declared([["revision", "backend"]], _BY_BACKEND),
        ],
    }
