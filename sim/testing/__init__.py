"""For tests of what extends sorsim: contracts that every kind must keep, ours and users' own.

Nothing here needs a test framework: a contract is a function that raises ``ContractError``.
"""
