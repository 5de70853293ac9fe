"""The parts of docs/monitoring that promtool does not know: shape of the dashboard, coverage of the tests, links.

Writes every expression of the dashboard as a recording rule to the file that is named, for promtool to parse."""

import json
import re
import sys

import yaml

FOLDER = "docs/monitoring/"
faults = []


def fault(text):
    faults.append(text)


def slug(heading):
    text = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return text.replace(" ", "-")


def headings(path):
    with open(path) as file:
        return {slug(line.lstrip("#")) for line in file if line.startswith("#")}


with open(FOLDER + "dashboard.json") as file:
    dashboard = json.load(file)
with open(FOLDER + "alerts.yaml") as file:
    rules = [rule for group in yaml.safe_load(file)["groups"] for rule in group["rules"]]
with open(FOLDER + "alerts.test.yaml") as file:
    tests = yaml.safe_load(file)["tests"]
with open(FOLDER + "metrics.md") as file:
    metrics = set(re.findall(r"^\| `(\w+)`", file.read(), re.M))
anchors = headings("docs/operators-guide.md")


def known(expression, where):
    for name in re.findall(r"\b((?:calhub|process)_\w+)\b", expression):
        if re.sub(r"_(bucket|sum|count)$", "", name) not in metrics and name not in metrics:
            fault(f"{where}: no hub has {name}")


# Alerts: complete, known metrics, a runbook that exists, one test where it fires and one where it does not.
for rule in rules:
    name = rule["alert"]
    known(rule["expr"], name)
    if rule["labels"].get("severity") not in ("info", "warning", "critical"):
        fault(f"{name}: no severity")
    if not {"summary", "description", "runbook_url"} <= set(rule["annotations"]):
        fault(f"{name}: lacks an annotation")
    page, _, anchor = rule["annotations"].get("runbook_url", "").partition("#")
    if page != "operators-guide.md" or anchor not in anchors:
        fault(f"{name}: the guide has no heading #{anchor}")
    outcomes = {bool(case["exp_alerts"]) for test in tests for case in test["alert_rule_test"] if case["alertname"] == name}
    if outcomes != {True, False}:
        fault(f"{name}: needs a test where it fires and one where it does not")

# The dashboard: fields that Grafana needs, unique ids, no overlap, everything explained.
for field in ("title", "uid", "schemaVersion", "panels", "templating", "time"):
    if field not in dashboard:
        fault(f"dashboard: no {field}")
variables = {variable["name"] for variable in dashboard["templating"]["list"]}
panels = dashboard["panels"]
ids = [panel["id"] for panel in panels]
if len(ids) != len(set(ids)):
    fault("dashboard: ids stand twice")
taken = {}
records = []
for panel in panels:
    title, grid = panel["title"], panel["gridPos"]
    if grid["x"] + grid["w"] > 24:
        fault(f"{title}: beyond the right edge")
    for cell in ((x, y) for x in range(grid["x"], grid["x"] + grid["w"]) for y in range(grid["y"], grid["y"] + grid["h"])):
        if cell in taken:
            fault(f"{title} lies over {taken[cell]}")
        taken[cell] = title
    if panel["type"] == "row":
        continue
    if not panel.get("description") or not panel["fieldConfig"]["defaults"].get("unit"):
        fault(f"{title}: no description or unit")
    for anchor in re.findall(r"operators-guide\.md#([\w-]+)", panel.get("description", "")):
        if anchor not in anchors:
            fault(f"{title}: the guide has no heading #{anchor}")
    if not panel["targets"]:
        fault(f"{title}: no query")
    for target in panel["targets"]:
        expression = target["expr"]
        if target["datasource"]["uid"] != "${datasource}":
            fault(f"{title}: the data source is not the variable")
        for variable in re.findall(r"\$(\w+)", expression):
            if variable not in variables and not variable.startswith("__"):
                fault(f"{title}: no variable ${variable}")
        known(expression, title)
        plain = expression.replace("$__rate_interval", "1m").replace("$job", ".*").replace("$instance", ".*")
        records.append({"record": f"panel:{panel['id']}:{target['refId']}", "expr": plain})

# Links of the guide to its own headings.
for path in ("docs/operators-guide.md",):
    with open(path) as file:
        for anchor in re.findall(r"\]\(#([\w-]+)\)", file.read()):
            if anchor not in anchors:
                fault(f"{path}: no heading #{anchor}")

if faults:
    sys.exit("\n".join(faults))
with open(sys.argv[1], "w") as file:
    yaml.safe_dump({"groups": [{"name": "dashboard", "rules": records}]}, file)
