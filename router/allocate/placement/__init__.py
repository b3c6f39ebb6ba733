"""Optimal placement of one order over market and limit orders at several venues: pure functions.

The model of Cont and Kukanov (arXiv 1210.1625v4): ``model`` states it, ``laws`` and ``outflows``
say how much leaves the queues, ``closed_form`` solves one venue, ``without_overbooking`` any number
of venues whose limits may not promise more than the order, ``exact`` and ``samples`` the whole
problem, ``stochastic`` is the paper's own algorithm, ``optimality`` its conditions. Quantities and
money are floats in any unit that is the same throughout; nothing here knows orders, time or chance.
"""
