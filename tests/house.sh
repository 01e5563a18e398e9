#!/bin/bash
# Is src/ still a house whose rooms explain themselves? tests/house.sh
#
# Layers, circles of files, lengths of files and functions, names that were retired; prints the
# figures, and exits with 1 if anything is wrong. tests/run.sh runs it.
exec /usr/bin/python3 -B "$(dirname "$0")/tools/house.py"
