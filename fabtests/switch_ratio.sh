#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# switch_ratio and what is in bench/, with a few messages: their figures are figures, their
# verdicts follow from them, and they fail where there is no provider.  No figure is judged.
#
# usage: switch_ratio.sh, in the build directory.  Environment: FI_PROVIDER_PATH.
set -u

ratio=fabtests/switch_ratio
bench=$(cd "$(dirname "$0")/.." && pwd)/bench
status=0
tmp=$(mktemp -d "${TMPDIR:-/tmp}/switch-ratio.XXXXXX") || exit 99
trap 'rm -rf "$tmp"' EXIT
module=$FI_PROVIDER_PATH

# verdict NAME OK: with what was said, if it is not.
verdict()
{
	if [ "$2" -eq 0 ]; then
		echo "PASS: $1"
	else
		cat "$tmp/out" "$tmp/err"
		echo "FAIL: $1"
		status=1
	fi
}

# run COMMAND...: 0 if it ends with the status in $want.
run()
{
	"$@" >"$tmp/out" 2>"$tmp/err"
	[ $? -eq "$want" ]
}

# figures LINES: so many lines of JSON, whose figures are sound and whose verdicts follow.
figures()
{
	awk -v want="$1" '
	function field(name,    text) {
		if (!match($0, "\"" name "\":(\"[^\"]*\"|[^,}]*)"))
			return "missing"
		text = substr($0, RSTART + length(name) + 3, RLENGTH - length(name) - 3)
		gsub(/"/, "", text)
		return text
	}
	function off(ratio) {
		return ratio < 1 ? 1 - ratio : ratio - 1
	}
	function bad(why) {
		print "line " NR ": " why
		failed = 1
		exit 1
	}
	{
		numbers = split("us us_error ratio ratio_error least_us", name, " ")
		for (i = 1; i <= numbers; i++)
			if (field(name[i]) !~ /^[0-9]+\.[0-9]+$/)
				bad(name[i] " is " field(name[i]))
		if (field("us") + 0 <= 0 || field("least_us") + 0 > field("us") + 0)
			bad("times that cannot be")
		said = field("verdict")
		distance = off(field("ratio"))
		same = distance < 0.02 || distance < 2 * field("ratio_error")
		# not where rounding decides
		if (said != "-" && distance > 0.0201 && off(distance / (2 * field("ratio_error") + 1e-9)) > 0.01 &&
		    said != (same ? "same" : field("ratio") + 0 > 1 ? "slower" : "faster"))
			bad("a ratio of " field("ratio") " is called " said)
		if ((field("label") == "old") != (said == "-"))
			bad("only the first has no verdict")
		seen[field("test") field("bytes") field("label") field("type") field("tagged")]++
	}
	END {
		if (failed)
			exit 1
		for (each in seen)
			if (seen[each] != 1)
				exit 1
		exit NR != want
	}' "$tmp/out" >>"$tmp/err"
}

want=0
run "$ratio" -jt -S 8,40000 -W 8 -r 3 -n 2 "old=tcp;ofi_switch:rdm@$module" \
	"new=tcp;ofi_switch:msg@$module" && figures 6
verdict "a line for each test, size and build" $?

run "$ratio" -j -S 64 -s 3 -r 3 -n 2 -b 1 "old=tcp;ofi_switch:rdm@$module" \
	"new=tcp;ofi_switch:rdm@$module" && figures 2 && grep -q '"values":3,' "$tmp/out"
verdict "each start is one value, beside a busy process" $?

# One that needs a system call for each message takes several times as long.
if "$ratio" -S 1 -r 3 -n 1 'tcp;ofi_rxm:rdm' >/dev/null 2>&1; then
	run "$ratio" -jt -W 8 -s 5 -r 5 "old=tcp;ofi_switch:rdm@$module" "new=tcp;ofi_rxm:rdm" && figures 2
	verdict "a verdict on what differs" $?
else
	echo "SKIP: a verdict on what differs: this libfabric has no ofi_rxm"
fi

run "$ratio" -S 64 -W 64 -r 3 -n 2 tcp:msg "tcp;ofi_switch:msg" &&
	[ "$(awk '$1 == "64" && $4 > 0 && $5 > 0 { print $2, $3 }' "$tmp/out" | tr '\n' ,)" = \
		"tcp msg,tcp;ofi_switch msg,tcp msg,tcp;ofi_switch msg," ]
verdict "a table for people" $?

want=1
mkdir "$tmp/nothing"
run "$ratio" -S 64 -r 3 -n 1 "old=tcp;ofi_switch:rdm@$tmp/nothing" "new=tcp;ofi_switch:rdm@$module" &&
	grep -q "no provider was loaded from $tmp/nothing" "$tmp/err" && [ ! -s "$tmp/out" ]
verdict "no provider in the folder" $?
run "$ratio" -S 64 -r 3 -n 1 "tcp:msg@$tmp/nothing" && grep -q "no provider was loaded" "$tmp/err"
verdict "one that libfabric has built in is not from that folder" $?
run "$ratio" -S 64 -r 3 -n 1 "tcp;ofi_nothing:rdm"
verdict "an unknown provider" $?

want=0
BENCH_ROUNDS=3 BENCH_BLOCKS=3 BENCH_SIZES=64 BENCH_WINDOW_SIZES=64 BENCH_TYPES="rdm msg" BENCH_JSON=1
export BENCH_ROUNDS BENCH_BLOCKS BENCH_SIZES BENCH_WINDOW_SIZES BENCH_TYPES BENCH_JSON
run "$bench/compare" "$(dirname "$module")" && figures 8
verdict "bench/compare with another build directory" $?
want=1
run "$bench/compare" "$tmp/nothing" && grep -q "no libswitch-fi.so" "$tmp/err"
verdict "bench/compare without one" $?

# Two tables' worth of figures in one line, the differences in percent behind.
counted()
{
	awk '/^rdm / {
		for (i = 4; i <= 7; i++)
			if ($i !~ /^[0-9]+\.[0-9]$/ || $i + 0 <= 0)
				exit 1
		lines += NF == 9 && $4 + 0 < $5 + 0 && $6 + 0 < $7 + 0 && $8 ~ /^[+-][0-9.]+%$/
	}
	END { exit lines != 1 }' "$tmp/out"
}

BENCH_CASES=rdm:8:1 BENCH_COUNT=256
export BENCH_CASES BENCH_COUNT
if command -v valgrind >/dev/null; then
	want=0
	run "$bench/instructions" "$(dirname "$module")" && counted
	verdict "bench/instructions" $?
	want=1
	run "$bench/instructions" "$tmp/nothing" && grep -q "no libswitch-fi.so" "$tmp/err"
	verdict "bench/instructions without the other build" $?
else
	want=77
	run "$bench/instructions" "$(dirname "$module")" && grep -q "no valgrind" "$tmp/out"
	verdict "bench/instructions without valgrind" $?
fi

want=2
for wrong in "-r 2" "-s 2" "-S x" "-S -1" "-b 65" ""; do
	# shellcheck disable=SC2086 # two words
	run "$ratio" $wrong ${wrong:+tcp:msg} || break
done
verdict "wrong arguments" $?
exit "$status"
