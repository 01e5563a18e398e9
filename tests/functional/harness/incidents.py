"""The incidents of the runbook: each sets a scene, says what to know, and types. See runbook.py.

What is said is mdoc(7).
"""

import contextlib

import redis

from harness.waiting import wait_until

IDLE_S = 3  # longer than the daemon lets a connection of its own be


def roles(daemon):
    nodes = daemon.instance("orders")["nodes"]
    return {node["address"]: node["role"] for node in nodes if node["state"] == "ready"}


def wait_for_news(daemon, instance, n_sessions):
    """Until the daemon, which asks now and then, has heard of so many sessions altogether."""
    wait_until(
        lambda: sum(node["clients"] for node in daemon.instance(instance)["nodes"]) >= n_sessions,
        lambda: f"{n_sessions} sessions; there are {daemon.instance(instance)}",
    )


def limit_reached(scene):
    server = scene.server(lines=["maxclients 1000"])
    daemon = scene.daemon({"id": "cache", "address": server.tcp_address})
    scene.clients(server, 11, named={"web": 400})
    scene.clients(server, 12, named={"report": 100})
    scene.clients(server, 13, named={"report": 600})  # more than there is room for
    wait_for_news(daemon, "cache", 1000)
    scene.say("""
Nobody can log in, redis-cli neither.
The daemon is in already: ask it whose the sessions are, and end those that
should not be there.
Before it does, it shows them and wants the id of the instance typed.
""")
    scene.type("redis-cli -p 6379 ping")
    scene.type("sesskill instances")
    scene.type("sesskill list cache --group-by name")
    scene.type('sesskill kill cache --match "name = report" --reason "limit reached"', "cache")
    scene.type("redis-cli -p 6379 ping")


def leaked_pool(scene):
    server = scene.server()
    scene.daemon({"id": "cache", "address": server.tcp_address})
    scene.clients(server, 11, named={"web": 40})
    scene.clients(server, 12, named={"web": 40})
    scene.clients(server, 13, named={"web": 900})
    scene.say("""
Every host has a pool by the same name, and one of them does not give its
sessions back.
By address it shows.
The dry run says what would be hit and by which commands; with
.Fl Fl max
nobody is killed should it be many more by then.
""")
    scene.type('sesskill list cache --group-by addr --match "name = web"')
    scene.type('sesskill kill cache --match "addr = 127.0.0.13" --dry-run')
    scene.type(
        'sesskill kill cache --match "addr = 127.0.0.13" --max 1000 --yes \\\n'
        '    --reason "leaked pool"'
    )
    scene.say("""
A pool that is back a second later is kept out as well: with
.Fl Fl keep-out Ar 10m ,
where the daemon may do that.
See LEASES in
.Xr sesskilld 8 .
""")


def leaked_everywhere(scene):
    server = scene.server(lines=["maxclients 1000"])
    daemon = scene.daemon({"id": "cache", "address": server.tcp_address})
    for host in (11, 12, 13):
        scene.clients(server, host, named={"web": 320})
    wait_for_news(daemon, "cache", 960)
    scene.say("""
Nobody knows which sessions of a pool are in use, but the idle ones are not.
Enough, not all:
.Fl Fl free
ends as many as it takes until a node has that many free places, the idlest
first, and nobody where it has them.
.Ic list
with the same words shows who that would be.
The others are spared.
""")
    scene.type('sesskill kill cache --match "name = web" --free 100 --yes')
    scene.say("""
Or leave every host its newest 50:
.Fl Fl keep
with
.Fl Fl per .
""")
    scene.type(
        'sesskill kill cache --match "name = web" --keep 50 --per addr \\\n'
        '    --sort -age --dry-run'
    )
    scene.say("""
With
.Fl Fl over
.Ar 10m
or
.Fl Fl rate
.Ar 20
they go one by one, so that those who reconnect come in a trickle.
If it happens again and again, see
.Sx THE SAME EVERY WEEK .
""")


def revoked_user(scene):
    server = scene.server(users=["app on >secret ~* +@all"])
    scene.daemon({"id": "cache", "address": server.tcp_address})
    scene.clients(server, 11, named={"web": 40})
    scene.clients(server, 12, users={"app:secret": 25}, reconnect=True)
    scene.say("""
A user that is switched off cannot log in any more, but its sessions live on.
So switch it off first, on every node, then end them.
.Fl Fl watch
looks who gets in again: those would have a column of their own, CAME BACK.
Here nobody does.
Who tries is in the server's own log of refusals: the hosts that still have the
old password.
""")
    scene.type("redis-cli -p 6379 ACL SETUSER app off")
    scene.type("sesskill list cache --group-by user")
    scene.type(
        'sesskill kill cache --match "user = app" --watch 2s --yes \\\n'
        "    --reason revoked"
    )
    scene.type('redis-cli -p 6379 ACL LOG 1 | grep -o " addr=[^ ]*"')
    scene.say("""
What is switched off comes back with a restart of the server unless it is saved:
.Ql ACL SAVE
where the server has an
.Ic aclfile ,
else
.Ql CONFIG REWRITE .
""")


def revoked_on_full_server(scene):
    server = scene.server(lines=["maxclients 200"], users=["app on >secret ~* +@all"])
    daemon = scene.daemon({"id": "cache", "address": server.tcp_address})
    scene.clients(server, 11, named={"web": 120})
    scene.clients(server, 12, users={"app:secret": 100})  # more than there is room for
    wait_for_news(daemon, "cache", 200)
    scene.say("""
Then redis-cli does not get in to switch the user off.
The daemon has its own connections: end the sessions of the user over these,
which makes room, and let redis-cli try behind it.
Where the pool takes the places again at once the loop does it once more.
""")
    scene.type("redis-cli -p 6379 ACL SETUSER app off")
    scene.type(
        "until redis-cli -p 6379 ACL SETUSER app off | grep OK; do\n"
        '    sesskill kill cache --match "user = app" --yes --reason revoked\n'
        "done"
    )
    scene.say("""
Who came back in between is in still.
Now that he cannot come again:
""")
    scene.type(
        'sesskill kill cache --match "user = app" --watch 2s --yes \\\n'
        "    --reason revoked"
    )
    scene.say("""
Where the daemon may switch users off, a kill with
.Fl Fl keep-out Ar 24h
does all of that at once; see LEASES in
.Xr sesskilld 8 .
""")


def is_failed_over(sentinel, new):
    """Asks for it unless it is so or under way: a busy Sentinel may have given it up."""
    words = sentinel.ask("MASTER", "orders")
    master = dict(zip(words[::2], words[1::2]))
    if master["port"] == str(new.port):
        return True
    if "failover" not in master["flags"]:
        with contextlib.suppress(redis.exceptions.ResponseError):  # no replica that is good enough
            sentinel.ask("FAILOVER", "orders")
    return False


def failed_over(scene):
    old = scene.server(6379)
    new = scene.server(6380, primary=old)
    sentinels = [scene.sentinel(old, "orders", 2) for _ in range(3)]
    daemon = scene.daemon(
        {
            "id": "orders",
            "sentinel": {
                "master": "orders",
                "addresses": [sentinel.address for sentinel in sentinels],
            },
        }
    )
    for sentinel in sentinels:
        # They wait four of the second before they demote the old master, and take no replica that
        # they have not asked for three of the first.
        sentinel.ask("DEBUG", "INFO-PERIOD", "1000", "PUBLISH-PERIOD", "1000")
        wait_until(
            lambda s=sentinel: len(s.ask("REPLICAS", "orders")) == 1
            and len(s.ask("SENTINELS", "orders")) == 2,
            "the Sentinels to know each other and the replica",
        )
    wait_until(lambda: is_failed_over(sentinels[0], new), "the Sentinel to promote the replica")
    wait_until(
        lambda: roles(daemon) == {old.tcp_address: "replica", new.tcp_address: "master"},
        lambda: f"the new roles; there are {daemon.instance('orders')}",
    )
    wait_until(old.is_in_sync, "the old master to follow the new one")
    scene.clients(new, 11, named={"web": 40})
    scene.clients(old, 12, named={"report": 60})
    wait_for_news(daemon, "orders", 100)
    scene.say("""
The old master is a replica now, and a pool that knows its address instead of
the Sentinels' is on it still: it cannot write there.
See which node has which role and who is on the replica, and end those on that
node alone.
Replication goes on: the link of a replica is never touched.
""")
    scene.type("sesskill instances")
    scene.type(
        'sesskill list orders --group-by name \\\n'
        '    --match "node = 127.0.0.1:6379" --except "name = sentinel-*"'
    )
    scene.type(
        'sesskill kill orders --node 127.0.0.1:6379 --match "name = report" \\\n'
        "    --reason fail-over",
        "orders",
    )
    scene.type("redis-cli -p 6379 ROLE")


def idle_for_days(scene):
    server = scene.server()
    scene.daemon({"id": "cache", "address": server.tcp_address})
    scene.clients(server, 12, named={"report": 300})
    wait_until(
        lambda: all(
            int(session["idle"]) > IDLE_S
            for session in server.sessions()
            if session["name"] == "report"
        ),
        "the sessions to be idle",
    )
    work = scene.workers(server, 11, "web", 40)
    scene.say("""
Sessions that nobody uses.
(In the run that wrote this they had been idle for seconds, hence
.Ar 3s :
type
.Ar "idle > 1d" . )
There is no hurry:
.Fl Fl pace Cm gentle
lets other clients have their turn in between.
.Fl Fl max
is for the selector that takes in more than you thought: then nobody is killed.
""")
    work()
    scene.type("sesskill list cache --sort -idle --limit 3")
    work()
    scene.type('sesskill list cache --group-by name --match "idle > 3s"')
    work()
    scene.type('sesskill kill cache --match "idle > 3s" --pace gentle --max 100 --yes')
    work()
    scene.type('sesskill kill cache --match "idle > 3s" --pace gentle --max 500 --yes')


def partial(scene):
    one, other = scene.server(6379), scene.server(6380)
    scene.daemon({"id": "cache", "address": [one.tcp_address, other.tcp_address]})
    scene.clients(one, 11, named={"web": 40})
    scene.clients(other, 11, named={"web": 30})
    other.stop()
    scene.say("""
Sessions survived, or a node failed; what has ended stays ended.
The report says which node it was and why, in the server's own words where it
had any.
The exit status is 5.
Do what helps the node, and repeat the very same command: whoever is gone needs
no second kill, and the server is asked again.
Nothing stays behind in the daemon, there is nothing to clean up.
""")
    scene.type('sesskill kill cache --match "name = web" --timeout 1s --yes')
    other.start()
    scene.type('sesskill kill cache --match "name = web" --yes')


INCIDENTS = {
    "The connection limit is reached": limit_reached,
    "A host has leaked its pool": leaked_pool,
    "Every host has leaked some": leaked_everywhere,
    "A user is revoked": revoked_user,
    "A user is revoked on a full server": revoked_on_full_server,
    "After a fail\\-over": failed_over,
    "Idle for days": idle_for_days,
    "The kill says partial": partial,
}
