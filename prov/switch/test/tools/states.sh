#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# Writes docs/states.md: the states of the engine's objects, and which follow which.  A
# copy of the engine is compiled in which every assignment of a constant to a "state" or
# "stage" is observed (states.h), and two of them are driven by the pair fuzzer with inputs
# of seeded chance, many more than it takes until no new transition comes.
#
# usage: states.sh write | check       check: docs/states.md shows what is observed
# Environment: CC (cc).  Ends with 77 and the reason where there is no compiler.
set -u

cc=${CC:-cc} inputs=4000
command -v "${cc%% *}" >/dev/null || { echo "no compiler: $cc"; exit 77; }
here=$(cd "$(dirname "$0")" && pwd) || exit 99
top=$here/../../../..
test=$here/..
page=$top/docs/states.md
tmp=$(mktemp -d "${TMPDIR:-/tmp}/states.XXXXXX") || exit 99
trap 'rm -rf "$tmp"' EXIT

cp -R "$here/../../src/session" "$tmp" && chmod -R u+w "$tmp/session" || exit 99
find "$tmp/session" -name '*.c' >"$tmp/files"
while read -r file; do
	sed -E 's/([](A-Za-z_>*.[)-]*(->|\.)(state|stage)) = ([A-Z]+_[A-Z_]+);/OBSERVE(\1, \4);/' \
		"$file" >"$tmp/observed" && mv "$tmp/observed" "$file" || exit 99
done <"$tmp/files"
# shellcheck disable=SC2046,SC2086 # several words each
(cd "$tmp" && $cc -O1 -D_GNU_SOURCE -include "$here/states.h" -I. -I"$test" -I"$here" -I"$top/include" \
	-o states $(find session -name '*.c') "$test"/lib/link*.c "$test/fuzz/pair_fuzz.c" \
	"$here/states.c") >"$tmp/log" 2>&1 || { cat "$tmp/log"; exit 1; }
"$tmp/states" "$inputs" >"$tmp/seen" || exit 1

# The enumerations that the observed names are of, with their comments.
awk -v seen="$tmp/seen" '
function put_state(name,    i, each, targets) {
	printf "| `%s` | %s |", name, comment[name]
	for (i = 0; i < target_cnt[name]; i++) {
		each = target[name, i]
		printf "%s `%s`: %s", (i ? "<br>" : ""), each, by[name, each]
	}
	print " |"
}
BEGIN {
	while ((getline < seen) > 0) {
		observed[$1] = 1
		row[row_cnt++] = $0
		split($0, part, " ")
		if (part[2] < 0)
			begins[part[1]] = 1
	}
}
# Of a new object: its memory was cleared, so it is in the first state, unless it is put
# there like into any other.
function first_of(kind) {
	return begins[name_of[kind, 0]] ? "new" kind : name_of[kind, 0]
}
/^enum [a-z_]+ \{/ { inside = $2; number = 0; next }
/^\};/ { inside = "" }
inside && match($0, /^\t[A-Z]+_[A-Z_]+/) {
	name = substr($0, 2, RLENGTH - 1)
	enum_of[name] = inside
	name_of[inside, number++] = name
	size[inside] = number
	if (observed[name] && !wanted[inside]++)
		order[enum_cnt++] = inside
	text = $0
	if (sub(/^.*\/\* /, "", text) && sub(/ *\*\/.*$/, "", text))
		comment[name] = text
}
END {
	for (i = 0; i < row_cnt; i++) {
		split(row[i], part, " ")
		kind = enum_of[part[1]]
		from = part[2] < 0 ? first_of(kind) : name_of[kind, part[2]]
		file = part[3]
		sub(/^.*\//, "", file)
		where = file " " part[4] "()"
		if (from == part[1])
			continue
		edge = from SUBSEP part[1]
		if (!(edge in by))
			target[from, target_cnt[from]++] = part[1]
		by[edge] = by[edge] (by[edge] == "" ? "" : ", ") where
	}
	print "<!-- SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only -->"
	print "<!-- Written by prov/switch/test/tools/states.sh: make diagrams -->"
	print "# States of the engine\n"
	print "What each object waits for, and which states were observed to follow which while two"
	print "engines talked to each other, connected, canceled, broke and closed, by chance, and while"
	print "a session changed its link. Behind a state stands the function that sets it. An empty"
	print "cell is an end."
	for (e = 0; e < enum_cnt; e++) {
		name = order[e]
		printf "\n## `enum %s`\n\n```mermaid\nstateDiagram-v2\n", name
		if (first_of(name) == name_of[name, 0])
			printf "    [*] --> %s\n", name_of[name, 0]
		for (i = -1; i < size[name]; i++) {
			from = i < 0 ? "new" name : name_of[name, i]
			for (k = 0; k < target_cnt[from]; k++)
				printf "    %s --> %s\n", i < 0 ? "[*]" : from, target[from, k]
		}
		print "```\n\n| state | waits for | then |\n|---|---|---|"
		if (target_cnt["new" name])
			put_state("new" name)
		for (i = 0; i < size[name]; i++)
			put_state(name_of[name, i])
	}
}' $(find "$tmp/session" -name '*.h') | sed 's/^| `new[a-z_]*` |/| (new) |/' >"$tmp/page" || exit 1
grep -q -e '-->' "$tmp/page" || { echo "no transition was observed"; exit 1; }

case ${1-check} in
write) cp "$tmp/page" "$page" ;;
*)
	diff -u "$page" "$tmp/page" || {
		echo "docs/states.md is not what the engine does: make diagrams"
		exit 1
	}
	;;
esac
