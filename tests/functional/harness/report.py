"""What holds for every report."""

CLASSES = ("unmatched", "protected", "spared", "matched")
FATES = ("killed", "gone", "survivors")


def assert_adds_up(report):
    """Every session that was found is counted once, on each node and in total."""
    for counts in [report, *report["nodes"]]:
        assert counts["found"] == sum(counts[name] for name in CLASSES), counts
        ended = sum(counts[name] for name in FATES)
        assert ended == (0 if report["state"] == "dry_run" else counts["matched"]), counts
    for name in ("found", *CLASSES, *FATES, "extra"):
        assert report[name] == sum(node[name] for node in report["nodes"]), name


def counts_of(report, *names):
    return {name: report[name] for name in names}
