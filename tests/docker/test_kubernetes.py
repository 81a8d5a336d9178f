"""The Kubernetes manifest: valid, and in step with the service and its image."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from service.routes import ROUTERS
from service.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS: list[dict[str, Any]] = list(yaml.safe_load_all((ROOT / "docker/kubernetes.yaml").read_text()))
BY_KIND = {document["kind"]: document for document in DOCUMENTS}
POD: dict[str, Any] = BY_KIND["Deployment"]["spec"]["template"]["spec"]
CONTAINER: dict[str, Any] = POD["containers"][0]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document["kind"])
def test_it_is_valid(document: dict[str, Any]) -> None:
    kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)


def test_the_schema_refuses_what_is_wrong() -> None:
    wrong = {**BY_KIND["Service"], "spec": {"prots": []}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, kubernetes_validate.latest_version(), strict=True)


def test_probes_ask_routes_that_exist() -> None:
    paths = {route.path for router in ROUTERS for route in router.routes}  # type: ignore[attr-defined]
    asked = {CONTAINER[probe]["httpGet"]["path"] for probe in ("startupProbe", "readinessProbe", "livenessProbe")}
    assert asked == {"/readyz", "/livez"} <= paths
    assert CONTAINER["livenessProbe"]["httpGet"]["path"] == "/livez"  # a full or draining pod is not a dead one


def test_its_settings_are_settings() -> None:
    given = {entry["name"] for entry in CONTAINER["env"]}
    named = set(re.findall(r"\bREID_[A-Z_]+", (ROOT / "docker/kubernetes.yaml").read_text())) - {"REID_PORT"}
    assert given <= named <= {f"REID_{field.upper()}" for field in Settings.model_fields}


def test_kubernetes_does_not_overwrite_the_port() -> None:
    """For a Service named reid it would set REID_PORT=tcp://10.0.0.1:80 in every pod of the namespace."""
    assert POD["enableServiceLinks"] is False
    with pytest.raises(ValueError, match="port"):
        Settings(port="tcp://10.0.0.1:80")


def test_it_runs_as_the_image_does() -> None:
    dockerfile = (ROOT / "docker/Dockerfile").read_text()
    security = POD["securityContext"]
    assert f"USER {security['runAsUser']}:{security['runAsGroup']}" in dockerfile
    assert security["runAsNonRoot"] is True
    assert security["fsGroup"] == security["runAsGroup"]  # so that a new volume is writable
    assert f"EXPOSE {CONTAINER['ports'][0]['containerPort']}" in dockerfile
    mounts = {mount["mountPath"] for mount in CONTAINER["volumeMounts"]}
    assert mounts == {"/data", "/tmp"}
    own = CONTAINER["securityContext"]
    assert own["readOnlyRootFilesystem"] is True
    assert own["allowPrivilegeEscalation"] is False
    assert own["capabilities"] == {"drop": ["ALL"]}


def test_one_process_owns_the_data() -> None:
    spec = BY_KIND["Deployment"]["spec"]
    assert spec["replicas"] == 1
    assert spec["strategy"] == {"type": "Recreate"}
    assert (
        POD["volumes"][0]["persistentVolumeClaim"]["claimName"] == BY_KIND["PersistentVolumeClaim"]["metadata"]["name"]
    )


def test_the_service_finds_its_pods() -> None:
    labels = BY_KIND["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert BY_KIND["Deployment"]["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert BY_KIND["Service"]["spec"]["selector"].items() <= labels.items()
    assert BY_KIND["Service"]["spec"]["ports"][0]["targetPort"] == CONTAINER["ports"][0]["name"]


def test_it_waits_for_the_drain() -> None:
    notice = next(float(entry["value"]) for entry in CONTAINER["env"] if entry["name"] == "REID_DRAIN_NOTICE_S")
    assert POD["terminationGracePeriodSeconds"] > notice + Settings.model_fields["drain_timeout_s"].default
