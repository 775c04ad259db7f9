#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# docs/sequences.md shows what the engines do now.  If it does not, and they should:
# "make diagrams" writes it anew.
#
# usage: sequences.sh, in the build directory
set -u

top=$(dirname "$0")/../../../..
"./prov/switch/test/tools/sequences" | diff -u "$top/docs/sequences.md" - || {
	echo "docs/sequences.md is not what the engines do: make diagrams"
	exit 1
}
