#!/usr/bin/env python3
"""Checks an orchestrator that runs against its description.

    openapi_check.py URL TOKEN_FILE VEHICLE DESCRIPTION

Every path of the description is asked, and answers with a status and a document that are described;
every path that the server names is described.  Exit codes: 0 so it is, 1 it is not.
"""

import copy
import http.client
import json
import re
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

import jsonschema

URL, TOKEN_FILE, VEHICLE, DESCRIPTION = sys.argv[1:]
TOKEN = open(TOKEN_FILE, encoding="utf-8").readline().strip()
# Answered by the door and the desk, not by the routes that name themselves.
OWN = {"/v1/access", "/v1/openapi.json", "/v1/session", "/v1/switch"}
failures = []


def fail(what):
    failures.append(what)


def ask(method, path, body=None, token=TOKEN):
    request = urllib.request.Request(URL + path, method=method, data=body)
    if token:
        request.add_header("Authorization", "Bearer " + token)
    if body is not None:
        request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def upgrade(protocol, token=TOKEN):
    """Asks for a WebSocket, which urllib would not."""
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(URL).netloc, timeout=20)
    fields = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
              "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol": protocol}
    if token:
        fields["Authorization"] = "Bearer " + token
    try:
        connection.request("GET", "/v1/live", headers=fields)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def resolve(node):
    while "$ref" in node:
        target = document
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = target
    return node


def validator(schema):
    return jsonschema.Draft202012Validator({**schema, "components": document["components"]})


def check(operation, what, answer):
    """The answer's status and document are of the operation; returns the status."""
    status, headers, body = answer
    response = operation["responses"].get(str(status))
    if response is None:
        return fail(f"{what}: status {status} is not described: {body[:200]!r}")
    content = resolve(response).get("content", {})
    kind = headers.get("Content-Type", "").split(";")[0]
    if kind not in content and "text/html" not in content:
        return fail(f"{what}: {status} is {kind}, described is {list(content)}")
    if kind != "application/json":
        return status
    value = json.loads(body)
    schema = validator(content[kind]["schema"])
    for error in schema.iter_errors(value):
        fail(f"{what}: {status}: {error.json_path}: {error.message}")
    # The check itself has to be able to fail.
    for name in resolve(content[kind]["schema"]).get("required", []):
        broken = copy.deepcopy(value)
        broken.pop(name, None)
        if schema.is_valid(broken):
            fail(f"{what}: {name} is required, and nobody notices that it is missing")
    return status


def expect(operation, what, wanted, answer):
    status = check(operation, what, answer)
    if status is not None and status != wanted:
        fail(f"{what}: {status}, expected {wanted}: {answer[2][:200]!r}")


def look(operation, what, target):
    """Asks, and again while the answer is being worked on; returns the last status."""
    for _ in range(100):  # At most ten seconds.
        status = check(operation, what, ask("GET", target))
        if status != 202:
            return status
        time.sleep(0.1)
    return fail(f"{what}: it is still being worked on")


document = json.loads(ask("GET", "/v1/openapi.json")[2])
with open(DESCRIPTION, encoding="utf-8") as file:
    if document != json.load(file):
        fail("/v1/openapi.json is not " + DESCRIPTION)
if not document["openapi"].startswith("3.1."):
    fail("this is not OpenAPI 3.1")
for name, schema in document["components"]["schemas"].items():
    jsonschema.Draft202012Validator.check_schema(schema)
for name in re.findall(r'"\$ref": "([^"]*)"', json.dumps(document)):
    resolve({"$ref": name})

paths = document["paths"]


def post(path, value, wanted, valid=True, **more):
    operation = paths[path]["post"]
    schema = validator(resolve(operation["requestBody"])["content"]["application/json"]["schema"])
    if schema.is_valid(value) != valid:
        fail(f"POST {path} {value}: as described it is {'wrong' if valid else 'right'}")
    expect(operation, f"POST {path} {json.dumps(value)[:80]}", wanted, ask("POST", path, json.dumps(value).encode(), **more))


command = {"vehicle": VEHICLE, "kind": "speed_limit", "speed_mps": 8.3, "for_s": 2, "reason": "a check", "request_id": "check"}
post("/v1/commands", command, 202)
post("/v1/commands", {**command, "vehicle": "nobody"}, 404)
post("/v1/commands", {**command, "kind": "fly"}, 400, valid=False)
post("/v1/commands", {**command, "for_s": 9}, 400, valid=False)
post("/v1/commands", {**command, "speed": 9}, 400, valid=False)
post("/v1/commands", {**command, "reason": ""}, 400, valid=False)
post("/v1/commands", command, 401, token=None)
post("/v1/commands", {**command, "reason": "x" * 20000}, 413, valid=False)
for _ in range(100):  # At most ten seconds: the vehicle answers within a moment.
    answer = ask("POST", "/v1/commands", json.dumps(command).encode())
    if answer[0] == 200:
        break
    time.sleep(0.1)
expect(paths["/v1/commands"]["post"], "POST /v1/commands once more", 200, answer)
if answer[0] == 200 and json.loads(answer[2])["outcome"] != "Applied":
    fail(f"the command ended otherwise: {answer[2]!r}")

# What is asked of one command is asked of the newest, as soon as the log has its end.
for _ in range(100):
    commands = json.loads(ask("GET", "/v1/commands")[2]).get("commands", [])
    if commands and commands[0]["end"]:
        break
    time.sleep(0.1)
if not commands or commands[0]["ending"] != "applied" or commands[0]["vehicle"] != VEHICLE:
    fail(f"GET /v1/commands does not begin with the command that was sent: {commands[:1]}")


def examples(path, parameter):
    """What there is here, or each one that is described."""
    if path == "/v1/vehicles/{name}":
        return [VEHICLE]
    if path == "/v1/commands/{id}":
        return [each["id"] for each in commands[:1]]
    return resolve(parameter["schema"]).get("enum", [parameter.get("example")])


for path, item in paths.items():
    for method, operation in item.items():
        what = method.upper() + " " + path
        for parameter in re.findall(r"{(\w+)}", path):
            if not any(p["name"] == parameter and p["in"] == "path" for p in operation.get("parameters", [])):
                fail(f"{what}: {parameter} is not described")
        if operation["x-role"] not in ("none", "viewer", "operator", "admin"):
            fail(f"{what}: no such role")
        if method != "get":
            continue
        targets = [path]
        for parameter in operation.get("parameters", []):
            if parameter["in"] == "path":
                part = "{" + parameter["name"] + "}"
                targets = [target.replace(part, each) for target in targets for each in examples(path, parameter)]
        for target in targets:
            status = look(operation, "GET " + target, target)
            if status not in (None, 200) and target != path:
                fail(f"GET {target}: {status}, though it is here")
            anonymous = ask("GET", target, token=None)
            expect(operation, f"GET {target} by nobody", 200 if operation["x-role"] == "none" else 401, anonymous)
        for parameter in operation.get("parameters", []):
            if parameter["in"] != "query" or "400" not in operation["responses"]:
                continue
            question = f"{targets[-1]}?{parameter['name']}="
            schema = resolve(parameter["schema"])
            for value in ["~", *([schema["maximum"] + 1] if "maximum" in schema else [])]:
                expect(operation, f"GET {question}{value}", 400, ask("GET", f"{question}{value}"))
            for value in [*schema.get("enum", []), *([schema["maximum"]] if parameter["name"] == "count" else [])]:
                expect(operation, f"GET {question}{value}", 200, ask("GET", f"{question}{value}"))
for target, wanted in (("/v1/commands/0", 400), ("/v1/commands/~", 400), ("/v1/commands/1", 404)):
    if (status := look(paths["/v1/commands/{id}"]["get"], "GET " + target, target)) != wanted:
        fail(f"GET {target}: {status}, expected {wanted}")
expect(paths["/v1/topics/{name}"]["get"], "GET /v1/topics/nothing", 400, ask("GET", "/v1/topics/nothing"))
expect(paths["/v1/streets"]["get"], "GET /v1/streets without --map", 404, ask("GET", "/v1/streets"))
live = paths["/v1/live"]["get"]
expect(live, "GET /v1/live, no WebSocket", 426, ask("GET", "/v1/live"))
expect(live, "GET /v1/live of another protocol", 400, upgrade("another"))
protocol = live["responses"]["101"]["headers"]["Sec-WebSocket-Protocol"]["schema"]["const"]
expect(live, "GET /v1/live by nobody", 401, upgrade(protocol, token=None))
status, headers, body = upgrade(protocol)
if status != 101 or headers["Sec-WebSocket-Protocol"] != protocol:
    fail(f"GET /v1/live: {status} {headers['Sec-WebSocket-Protocol']}: {body[:200]!r}")

# What the server says that it has.
status, _, body = ask("GET", "/no/such/page")
named = set(json.loads(body)["error"].split("there are ")[1].split()) if status == 404 else set()
if len(named) < 5:
    fail(f"the server names no pages: {body!r}")
described = {re.sub(r"{\w+}", "*", path): path for path, item in document["paths"].items() if "get" in item}
for path in named:
    if re.sub(r"(?<=/)[A-Z]+$", "*", path) not in described:
        fail(f"{path} is not described")
for pattern, path in described.items():
    if path not in OWN and pattern not in {re.sub(r"(?<=/)[A-Z]+$", "*", each) for each in named}:
        fail(f"{path} is described, and the server does not name it")

rule = {"mode": "shadow", "region": 0, "fleet": "none-", "area": [0, 0, 2, 2], "kind": "advice", "reason": "a check"}
post("/v1/switch", rule, 200)
check(paths["/v1/switch"]["get"], "GET /v1/switch with a rule", ask("GET", "/v1/switch"))
post("/v1/switch", {**rule, "mode": "start"}, 200)
post("/v1/switch", {**rule, "mode": "start"}, 400)
post("/v1/switch", {**rule, "mode": "halt"}, 400, valid=False)
post("/v1/session", {"token": TOKEN}, 200, token=None)
post("/v1/session", {"token": "st_wrong"}, 401, token=None)
expect(paths["/v1/session"]["delete"], "DELETE /v1/session", 200, ask("DELETE", "/v1/session"))

for failure in failures:
    print(failure)
if failures:
    sys.exit(1)
print(f"{len(paths)} paths: every path is as described")
