"""Fault simulation: random scenarios under random faults, with every rule checked.

A case is a function of its seed alone, so that whatever fails can be had again, and made small.
"""
