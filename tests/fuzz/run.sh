#!/bin/bash
# Fuzzes: tests/fuzz/run.sh [MINUTES] [NAME]...  (10 minutes each, all of them)
#
# Builds with clang, AddressSanitizer and UBSan in build-fuzz/, starts from the corpora in the
# repository and the real data of the tests, and keeps what it finds in build-fuzz/found/NAME. A
# crash stops the fuzzer, leaves its input as build-fuzz/crash-NAME-*, and fails the run.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
build=${SESSKILL_FUZZ_BUILD:-$top/build-fuzz}
minutes=${1:-10}
shift || true
names=("$@")
if [ ${#names[@]} -eq 0 ]; then
	names=(config http listing members params resp selector)
fi

export CC=clang
if [ ! -f "$build/build.ninja" ]; then
	meson setup "$build" "$top" -Dfuzzers=true -Db_sanitize=address,undefined -Db_lundef=false \
		--buildtype=debugoptimized >/dev/null
fi
ninja -C "$build" $(printf 'tests/fuzz/fuzz_%s ' "${names[@]}") >/dev/null

fuzz() { # NAME
	local name=$1 found=$build/found/$1 corpora=("$top/tests/fuzz/corpus/$1")
	case $name in
	config) corpora+=("$top/tests/data/config/bad" "$top/tests/data/config/good" "$top/conf") ;;
	listing) corpora+=("$top/tests/data/listings") ;;
	members) corpora+=("$top/tests/data/info") ;;
	esac
	mkdir -p "$found"
	"$build/tests/fuzz/fuzz_$name" -max_total_time=$((minutes * 60)) -max_len=65536 -timeout=10 \
		-rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix="$build/crash-$name-" \
		"$found" "${corpora[@]}" >"$build/$name.log" 2>&1
}

status=0
printf '%-10s %14s %10s  %s\n' fuzzer runs inputs result
for name in "${names[@]}"; do
	result=clean
	fuzz "$name" || { result="FAILED, see $build/$name.log"; status=1; }
	runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$build/$name.log")
	printf '%-10s %14s %10s  %s\n' "$name" "${runs:-?}" "$(find "$build/found/$name" -type f | wc -l)" "$result"
done
exit $status
