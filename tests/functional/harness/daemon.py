"""A real sesskilld with a private configuration, control socket and audit log."""

import json
import os
import re
import subprocess

from harness import http, least_user, programs
from harness.waiting import wait_until

STOP_TIMEOUT_S = 15
CLI_TIMEOUT_S = 60
DEFAULT_N_LINKS = 2
ACCOUNT_KEYS = {"username", "password-file", "credential"}


class Daemon:
    """Runs from start() to stop().

    instances  as in the configuration; a Server stands for one that is named `r-test`
    settings   further top-level keys of the configuration, merged over the defaults here
    text       the whole configuration as text, instead of the two above
    faults     which fault points fail, see src/base/fault.h; in builds that have them
    wrapper    a command that starts the program behind it

    Instances without an account get that of the manual where it is wanted (least_user.IS_WANTED).
    """

    def __init__(
        self,
        directory,
        instances=(),
        *,
        settings=None,
        text=None,
        faults=None,
        wrapper=(),
        has_least_user=least_user.IS_WANTED,
    ):
        self.directory = directory
        self.socket_path = f"{directory}/control.sock"
        self.audit_path = f"{directory}/audit.jsonl"
        self.config_path = f"{directory}/sesskilld.yaml"
        self.title = f"log of the daemon in {directory}"
        self._log_path = f"{directory}/sesskilld.log"
        self._process = None
        self._environment = programs.environment()
        self._environment["STATE_DIRECTORY"] = f"{directory}/state"
        self._faults = faults
        if faults is not None:
            self._environment["SESSKILL_FAULTS"] = faults
        self._account = least_user.keys(directory) if has_least_user else {}
        self.wrapper = list(wrapper)
        self.write_config(text if text is not None else self._config(instances, settings or {}))

    def _config(self, instances, settings):
        """JSON, which is YAML as well."""
        config = {
            "control": {"socket": self.socket_path},
            "audit": {"file": self.audit_path},
            "instances": [self.instance_keys(instance) for instance in instances],
        }
        for name, value in settings.items():
            is_mapping = isinstance(value, dict) and name in config
            config[name] = {**config[name], **value} if is_mapping else value
        return json.dumps(config, indent=1)

    def instance_keys(self, instance):
        """Of one of `instances`, as it stands in the configuration."""
        if not isinstance(instance, dict):
            instance = {"id": "r-test", "address": instance.address}
        if "sentinel" in instance:
            instance = {**instance, "sentinel": self._with_account(instance["sentinel"])}
        return self._with_account(instance)

    def _with_account(self, keys):
        return keys if ACCOUNT_KEYS & keys.keys() else {**keys, **self._account}

    def _options(self):
        """Which of them strike is told to those who debug."""
        return ["--debug"] if self._faults else []

    def idle_faults(self):
        """The rules that nothing has failed by."""
        struck = set(re.findall(r"fault strikes: (.*)", self.log()))
        rules = [(rule, re.sub(r"(@\d+)?(\*\d+)?$", "", rule)) for rule in self._faults.split(",")]
        return [rule for rule, name in rules if not struck & {name, f"{name}:"}]

    def read_config(self):
        with open(self.config_path, encoding="utf-8") as file:
            return file.read()

    def write_config(self, text):
        with open(self.config_path, "w", encoding="utf-8") as file:
            file.write(text)

    # The process

    @property
    def pid(self):
        return self._process.pid

    def start(self, wait="ready"):
        """Also after stop() and kill_process().

        wait  "ready": until every node is, by all its connections; "socket": until it answers;
              None: not at all
        """
        with open(self._log_path, "ab") as log:
            self._process = subprocess.Popen(
                [
                    *self.wrapper, str(programs.SESSKILLD), "-c", self.config_path,
                    *self._options(),
                ],  # fmt: skip
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment,
            )
        if wait is not None:
            wait_until(lambda: self._is_up(wait), lambda: f"{wait}; {self.explain()}")

    def _is_up(self, wait):
        assert self.is_running(), f"the daemon has ended; {self.explain()}"
        try:
            status = self.http("GET", "/healthz").status
        except (FileNotFoundError, ConnectionError, PermissionError):
            # The socket file appears without permissions, and gets them last.
            return False
        return wait == "socket" or (status == 200 and self._has_all_links())

    def _has_all_links(self):
        """Not asked where `access` may deny it, which would be in the record."""
        if "access" in self._config_in_file():
            return True
        instances = self.http("GET", "/v1/instances").json["instances"]
        return all(
            self._is_linked(each["id"], node) for each in instances for node in each["nodes"]
        )

    def _is_linked(self, instance, node):
        states = [link["state"] for link in node["links"]]
        return states == ["ready"] * self._n_links(instance)

    def _n_links(self, instance):
        """To each of its nodes."""
        config = self._config_in_file()
        keys = next(keys for keys in config["instances"] if keys["id"] == instance)
        return keys.get("links", config.get("defaults", {}).get("links", DEFAULT_N_LINKS))

    def _config_in_file(self):
        with open(self.config_path, encoding="utf-8") as file:
            return json.load(file)

    def is_running(self):
        return self._process is not None and self._process.poll() is None

    def signal(self, number):
        os.kill(self.pid, number)

    def wait_for_end(self, timeout=STOP_TIMEOUT_S):
        """The exit status; negative for a signal."""
        return self._process.wait(timeout)

    def kill_process(self):
        """As a crash would."""
        self._process.kill()
        self._process.wait(STOP_TIMEOUT_S)

    def stop(self):
        """SIGTERM. An assertion: it ends in time, with 0, and takes its socket with it."""
        if not self.is_running():
            self._check_log()
            return
        self._process.terminate()
        try:
            status = self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.kill_process()
            raise AssertionError(f"SIGTERM did not end the daemon; {self.explain()}") from None
        self._check_log()
        assert status == 0, f"exit status {status}; {self.explain()}"
        assert not os.path.exists(self.socket_path), f"the socket is left; {self.explain()}"

    def _check_log(self):
        report = programs.sanitizer_report(self.log())
        assert not report, report

    # What it says

    def log(self):
        return programs.read_log(self._log_path)

    def explain(self):
        return f"the daemon's log:\n{self.log()}"

    def audit(self, event=None):
        """The records, or those of one event."""
        if not os.path.exists(self.audit_path):
            return []
        with open(self.audit_path, encoding="utf-8") as file:
            records = [json.loads(line) for line in file]
        return [record for record in records if event is None or record["event"] == event]

    # What it is asked

    def connect(self, caller=None):
        """A raw connection to the control socket."""
        return http.connect(self.socket_path, caller)

    def http(self, method, target, **options):
        """See harness.http.request: params, body, headers, caller."""
        return http.request(self.socket_path, method, target, **options)

    def begin(self, method, target, **options):
        """The same, without waiting for the answer: a harness.http.Pending."""
        return http.Pending(self.socket_path, method, target, **options)

    def begin_kill(self, instance, stream=False, **params):
        """kill(), without waiting for the answer."""
        headers = {"Accept": "application/x-ndjson"} if stream else None
        form = self._kill_form(params)
        return self.begin("POST", f"/v1/instances/{instance}/kill", body=form, headers=headers)

    @staticmethod
    def _kill_form(params):
        return params if "match" in params else {"all": True, **params}

    def das(self, action, caller=None, **params):
        """A request of the DAS-compatible API, as a form."""
        return self.http("POST", "/", body={"Action": action, **params}, caller=caller)

    def kill(self, instance, caller=None, **params):
        """A kill through the native API: all sessions, unless a `match` is given."""
        form = self._kill_form(params)
        return self.http("POST", f"/v1/instances/{instance}/kill", body=form, caller=caller)

    def instance(self, instance):
        """What the native API says of it."""
        answer = self.http("GET", f"/v1/instances/{instance}")
        assert answer.status == 200, answer.text
        return answer.json

    def node(self, instance="r-test"):
        """Its one node."""
        (node,) = self.instance(instance)["nodes"]
        return node

    def own_ids(self, instance="r-test"):
        """The daemon's own sessions on that node, once all of them are ready."""

        def linked():
            node = self.node(instance)
            return self._is_linked(instance, node) and node

        node = wait_until(linked, lambda: f"all connections; there are {self.node(instance)}")
        return {link["own_id"] for link in node["links"]}

    def kills(self):
        return self.http("GET", "/v1/kills").json["kills"]

    def cli(self, *arguments, stdin=None):
        """`sesskill ARGUMENTS...` to its end: returncode, stdout, stderr."""
        done = subprocess.run(
            [str(programs.SESSKILL), "-s", self.socket_path, *arguments],
            input=stdin,
            stdin=None if stdin is not None else subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=CLI_TIMEOUT_S,
            env=programs.environment(),
            check=False,
        )
        report = programs.sanitizer_report(done.stderr)
        assert not report, report
        return done
