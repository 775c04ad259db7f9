#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# Every word of docs/glossary.md has a meaning, and the file that it names is there.
#
# usage: glossary.sh [GLOSSARY]
set -u

top=$(dirname "$0")/../../../..
page=${1:-$top/docs/glossary.md}
tmp=$(mktemp -d "${TMPDIR:-/tmp}/glossary.XXXXXX") || exit 99
trap 'rm -rf "$tmp"' EXIT

# The rows of all tables but for their heads: word, meaning, file.
awk -F ' *[|] *' '
/^[|] *word / || /^[|]-/ { next }
/^[|]/ {
	file = $(NF - 1)
	if (gsub(/`/, "", file) != 2 || $(NF - 2) !~ /[.]$/ || $2 == "")
		print "not a word, its meaning and a file: " $0 >"/dev/stderr"
	else
		print file "\t" $2
}' "$page" >"$tmp/rows" 2>"$tmp/wrong" || exit 99
while IFS='	' read -r file word; do
	[ -f "$top/$file" ] || [ -f "$top/prov/switch/src/$file" ] ||
		echo "$word: there is no $file" >>"$tmp/wrong"
done <"$tmp/rows"
cut -f 2 "$tmp/rows" | sort | uniq -d | sed 's/$/: twice/' >>"$tmp/wrong"
[ -s "$tmp/rows" ] || echo "no words" >>"$tmp/wrong"
cat "$tmp/wrong"
[ ! -s "$tmp/wrong" ]
