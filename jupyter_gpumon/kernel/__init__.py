"""The notebook's side: the magics, the record of each cell, the live widget, and the way to the numbers."""
