"""What is learnt about hidden supply from the answers of dark pools: pure laws, one per file.

They count in lots and know no order, venue, message, clock or chance. The strategies beside this
folder turn them into children.
"""
