"""The manifests: valid by Kubernetes' schemas, minimal in rights, consistent with the image and the rules.

No small package has the schemas of the Prometheus Operator's kinds; those two manifests are compared word for
word, and promtool reads the rules.
"""

import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from exporter import __version__
from exporter.web.app import ROUTES
from exporter.web.auth import Protection
from scripts.prometheus_rule import manifest, rule_files
from tests.deploy.dockerfile import pairs, value
from tests.support.configs import load_config
from tests.support.tools import ROOT, program

FOLDER = ROOT / "deploy/kubernetes"
FILES = sorted(FOLDER.glob("*.yaml"))
MANIFESTS: dict[str, dict[str, Any]] = {path.stem: yaml.safe_load(path.read_text()) for path in FILES}
LABELS = {"app.kubernetes.io/name": "freeswitch-exporter"}
OPERATORS = {"prometheusrule", "servicemonitor"}

POD = MANIFESTS["deployment"]["spec"]["template"]
[CONTAINER] = POD["spec"]["containers"]


@pytest.mark.parametrize("version", ["1.28", "1.34"])
@pytest.mark.parametrize("name", sorted(MANIFESTS.keys() - OPERATORS))
def test_the_schemas_accept_every_key(name: str, version: str) -> None:
    kubernetes_validate.validate(MANIFESTS[name], version, strict=True)


def test_one_name_and_label_for_all() -> None:
    for name, found in MANIFESTS.items():
        assert found["kind"].lower() == name
        assert found["metadata"] == {"name": "freeswitch-exporter", "labels": LABELS}, name


def test_the_base_is_all_that_needs_no_operator() -> None:
    base = yaml.safe_load((FOLDER / "Kustomization").read_text())
    assert (base["apiVersion"], base["kind"]) == ("kustomize.config.k8s.io/v1beta1", "Kustomization")
    assert base.keys() == {"apiVersion", "kind", "resources"}
    assert {Path(name).stem for name in base["resources"]} == MANIFESTS.keys() - OPERATORS
    assert len(base["resources"]) == len(set(base["resources"]))


def test_selectors_find_their_pods_and_service() -> None:
    assert POD["metadata"]["labels"] == LABELS
    assert MANIFESTS["deployment"]["spec"]["selector"]["matchLabels"] == LABELS
    assert MANIFESTS["service"]["spec"]["selector"] == LABELS
    assert MANIFESTS["networkpolicy"]["spec"]["podSelector"]["matchLabels"] == LABELS
    assert MANIFESTS["servicemonitor"]["spec"]["selector"]["matchLabels"] == LABELS


def test_the_pod_has_no_more_rights_than_it_needs() -> None:
    user, group = value("USER").split(":")
    assert POD["spec"]["automountServiceAccountToken"] is False
    assert POD["spec"]["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": int(user),
        "runAsGroup": int(group),
        "fsGroup": int(group),
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert CONTAINER["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_other_services_set_no_settings() -> None:
    assert POD["spec"]["enableServiceLinks"] is False


def test_no_second_pod_places_the_same_calls() -> None:
    spec = MANIFESTS["deployment"]["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})


def test_memory_is_bounded_and_cpu_is_not() -> None:
    assert CONTAINER["resources"]["limits"].keys() == {"memory"}


def test_the_image_is_this_version() -> None:
    assert CONTAINER["image"].rpartition(":")[2] == __version__


def test_every_mount_has_its_volume_and_every_volume_its_source() -> None:
    volumes = {volume.pop("name"): volume for volume in [dict(volume) for volume in POD["spec"]["volumes"]]}
    mounted = {mount["name"]: mount["mountPath"] for mount in CONTAINER["volumeMounts"]}
    assert mounted.keys() == volumes.keys()
    assert mounted["state"] == value("VOLUME")
    assert volumes["config"]["configMap"]["name"] == MANIFESTS["configmap"]["metadata"]["name"]
    claim = volumes["state"]["persistentVolumeClaim"]["claimName"]
    assert claim == MANIFESTS["persistentvolumeclaim"]["metadata"]["name"]


def test_the_secret_is_read_only_from_files() -> None:
    assert "secret" not in MANIFESTS, "applying an example would overwrite what is there"
    [secret] = [volume["secret"] for volume in POD["spec"]["volumes"] if "secret" in volume]
    assert secret["defaultMode"] == 0o440
    assert [entry for entry in CONTAINER["env"] if "valueFrom" in entry] == []


def test_the_exporter_accepts_its_config(tmp_path: Path) -> None:
    mounted = {mount["name"]: mount["mountPath"] for mount in CONTAINER["volumeMounts"]}
    [(file, text)] = MANIFESTS["configmap"]["data"].items()
    environ = pairs("ENV") | {entry["name"]: entry["value"] for entry in CONTAINER["env"]}
    assert environ["EXPORTER_CONFIG"] == f"{mounted['config']}/{file}"
    (tmp_path / "password").write_text("secret\n")
    assert f"{mounted['secrets']}/password" in text
    path = tmp_path / file
    path.write_text(text.replace(mounted["secrets"], str(tmp_path)))
    loaded = load_config(None, environ | {"EXPORTER_CONFIG": str(path)})
    assert loaded.warnings == ()
    assert [str(listen) for listen in loaded.listen] == [f":{CONTAINER['ports'][0]['containerPort']}"]
    [node] = loaded.nodes
    [_, sockets] = MANIFESTS["networkpolicy"]["spec"]["egress"]
    assert sockets == {"ports": [{"protocol": "TCP", "port": node.port}]}


def test_probes_use_paths_without_authentication() -> None:
    readable = {route.path for route in ROUTES if route.protection is Protection.OPEN}
    asked = [CONTAINER[probe]["httpGet"] for probe in ("livenessProbe", "readinessProbe")]
    assert [get["path"] for get in asked] == ["/-/healthy", "/-/ready"]
    assert readable >= {get["path"] for get in asked}
    assert {get["port"] for get in asked} == {CONTAINER["ports"][0]["name"]}


def test_the_port_is_one_and_the_same() -> None:
    [port] = CONTAINER["ports"]
    [served] = MANIFESTS["service"]["spec"]["ports"]
    [scraped] = MANIFESTS["servicemonitor"]["spec"]["endpoints"]
    [[entered]] = [rule["ports"] for rule in MANIFESTS["networkpolicy"]["spec"]["ingress"]]
    assert str(port["containerPort"]) == value("EXPOSE")
    assert served["targetPort"] == port["name"] == entered["port"]
    assert scraped["port"] == served["name"]


def test_the_operator_keeps_the_labels_and_the_job_name() -> None:
    monitor = MANIFESTS["servicemonitor"]
    assert monitor["apiVersion"] == "monitoring.coreos.com/v1"
    assert monitor["spec"].keys() == {"jobLabel", "selector", "endpoints"}
    [endpoint] = monitor["spec"]["endpoints"]
    assert endpoint == {"port": "http", "interval": "15s", "honorLabels": True}
    job = MANIFESTS["service"]["metadata"]["labels"][monitor["spec"]["jobLabel"]]
    scrape = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())
    assert job == scrape["scrape_configs"][0]["job_name"]


def test_the_rules_are_those_of_the_rule_files(tmp_path: Path) -> None:
    assert (FOLDER / "prometheusrule.yaml").read_text() == manifest(), (
        "run: python -m scripts.prometheus_rule > deploy/kubernetes/prometheusrule.yaml"
    )
    rule = MANIFESTS["prometheusrule"]
    assert (rule["apiVersion"], rule["kind"]) == ("monitoring.coreos.com/v1", "PrometheusRule")
    groups = [group for path in rule_files() for group in yaml.safe_load(path.read_text())["groups"]]
    assert rule["spec"] == {"groups": groups}
    (tmp_path / "rules.yml").write_text(yaml.safe_dump(rule["spec"]))
    subprocess.run(
        [program("promtool"), "check", "rules", tmp_path / "rules.yml"], check=True, capture_output=True
    )
