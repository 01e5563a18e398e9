# Building with meson; sourced by run.sh and demo.sh.

# build_in DIRECTORY OPTION...: configures (again) and compiles; the words go to DIRECTORY.log, whose
# end is shown on failure.
build_in() {
	local directory=$1 again=""
	shift
	if [ -f "$directory/build.ninja" ]; then
		again=--reconfigure
	fi
	mkdir -p "$(dirname "$directory")"
	if meson setup $again "$directory" "$@" >"$directory.log" 2>&1 &&
		meson compile -C "$directory" >>"$directory.log" 2>&1; then
		return 0
	fi
	echo "Building in $directory failed; the end of $directory.log:"
	tail -n 40 "$directory.log"
	return 1
}
