# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""All attacks: to import this module fills table.ATTACKS, in this order."""
import attacks_answers
import attacks_unmatched
import attacks_connections
import attacks_rma
import attacks_rules
from table import ATTACKS
