#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# Every attack, briefly, against a victim of its own: "make check" runs it in the
# build directory.  For longer, or one attack, or an endpoint that runs already:
#   attack.py --help
# ATTACK_SECONDS: how long each goes on at least (0.3).
set -u

here=$(dirname "$0")
command -v python3 >/dev/null || {
	echo "there is no python3"
	exit 77
}
# No compiled modules beside the sources.
PYTHONDONTWRITEBYTECODE=1 exec python3 "$here/attack.py" --seconds "${ATTACK_SECONDS-0.3}" "$@"
