# Building with meson; sourced by run.sh and demo.sh.

# build_in DIRECTORY TARGETS OPTION...: configures (again) and compiles, all for TARGETS "". The words
# go to DIRECTORY.log, whose end is shown on failure.
build_in() {
	local directory=$1 targets=$2 again=""
	shift 2
	if [ -f "$directory/build.ninja" ]; then
		again=--reconfigure
	fi
	mkdir -p "$(dirname "$directory")"
	# shellcheck disable=SC2086 # lists of words
	if meson setup $again "$directory" "$@" >"$directory.log" 2>&1 &&
		meson compile -C "$directory" $targets >>"$directory.log" 2>&1; then
		return 0
	fi
	echo "Building in $directory failed; the end of $directory.log:"
	tail -n 40 "$directory.log"
	return 1
}
