"""Pure router logic: parent and child states, market view, costs, reallocation."""
