"""What each window of time cost each GPU, and how sure that is: the ledger, and what it is worked out from. Pure.

``ledger`` is the door. Behind it: an energy counter's updates (``account``, ``phase``, ``pulse``) made into a curve
(``curve``) and read off it (``window``); readings of power where there is no counter (``power``, ``readings``,
``pseudo``, ``integrated``, ``sampled``, ``estimate``, ``beat``); windows of hours (``stretches``), and what is known of
the boards' sensors (``sensors``, ``trust``).
"""
