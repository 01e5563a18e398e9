"""Many instances in one daemon, half of them out of reach: the others do not notice."""

from harness import programs, wait_until

MANY = 200
MAX_KIB_PER_INSTANCE = 64


def resident_kib(daemon):
    with open(f"/proc/{daemon.pid}/status", encoding="utf-8") as file:
        return int(next(line for line in file if line.startswith("VmRSS")).split()[1])


def test_half_of_them_unreachable(server, make_daemon, make_clients):
    one = make_daemon([server])
    instances = [{"id": "r-test", "address": server.address}]
    for i in range(1, MANY):
        address = server.address if i % 2 == 0 else f"127.0.0.1:{i}"
        instances.append({"id": f"i-{i}", "address": address})
    many = make_daemon(instances, wait="socket")

    def n_ready():
        nodes = [i["nodes"][0] for i in many.http("GET", "/v1/instances").json["instances"]]
        return sum(node["state"] == "ready" for node in nodes)

    wait_until(lambda: n_ready() == MANY // 2, lambda: f"half of them; {n_ready()} are ready")
    crowd = make_clients(server, total=100)
    report = many.kill("r-test").json
    assert report["state"] == "done", report
    crowd.wait_for(closed_by_server=100)
    # None of its own: all links to that server are still there.
    assert report["protected"] >= MANY // 2
    assert n_ready() == MANY // 2
    if not programs.is_sanitized():
        growth = (resident_kib(many) - resident_kib(one)) / MANY
        assert growth < MAX_KIB_PER_INSTANCE, f"{growth} KiB for each instance"
