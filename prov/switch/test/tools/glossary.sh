#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# Every word of docs/glossary.md has a meaning, and the file that it names is there.  The
# table of files in docs/architecture.md has every file of the provider, and the functions
# that it says to look at are where it says.
#
# usage: glossary.sh [GLOSSARY [ARCHITECTURE]]
set -u

top=$(dirname "$0")/../../../..
src=$top/prov/switch/src
page=${1:-$top/docs/glossary.md}
map=${2:-$top/docs/architecture.md}
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
	[ -f "$top/$file" ] || [ -f "$src/$file" ] ||
		echo "$word: there is no $file" >>"$tmp/wrong"
done <"$tmp/rows"
cut -f 2 "$tmp/rows" | sort | uniq -d | sed 's/$/: twice/' >>"$tmp/wrong"
[ -s "$tmp/rows" ] || echo "no words" >>"$tmp/wrong"

# section HEADING: what stands under it.
section()
{
	sed -n "/^## $1\$/,/^## /p" "$map"
}

# A header goes with the file of its name; "x.[ch]" is both.
section Files | grep '^|' | grep -o '`[a-z_/]*\.[][ch]*`' | tr -d '`' >"$tmp/named"
sed 's/\.\[ch\]$/.c/' "$tmp/named" >"$tmp/files"
while read -r file; do
	[ -f "$src/$file" ] || echo "the table of files names $file, which is not there"
done <"$tmp/files" >>"$tmp/wrong"
(cd "$src" && find . -name '*.[ch]' | sed 's,^\./,,') | while read -r file; do
	grep -qx "${file%.?}\.[ch]" "$tmp/files" || echo "the table of files lacks $file"
done >>"$tmp/wrong"

# "file:function"
section 'Where to look' | grep '^|' | grep -o '`[a-z_/]*\.[ch]:[a-z_]*`' | tr -d '`' | tr : ' ' >"$tmp/places"
while read -r file function; do
	grep -q "^[a-z].*[ *]$function(" "$src/$file" || echo "there is no $function in $file"
done <"$tmp/places" >>"$tmp/wrong" 2>&1
[ -s "$tmp/places" ] || echo "no places to look at" >>"$tmp/wrong"
cat "$tmp/wrong"
[ ! -s "$tmp/wrong" ]
