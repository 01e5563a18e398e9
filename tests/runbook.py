"""Writes the runbook into its page of the manual: see runbook.sh."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "functional"))

from harness import runbook  # noqa: E402
from harness.incidents import INCIDENTS  # noqa: E402
from harness.programs import raise_descriptor_limit  # noqa: E402


def main():
    raise_descriptor_limit()
    sections = []
    for title in INCIDENTS:
        print(f"== {title}", flush=True)
        sections.append(runbook.play(title))
    head, _, tail = runbook.split_page()
    runbook.PAGE.write_text(head + "".join(sections) + tail, encoding="utf-8")


main()
