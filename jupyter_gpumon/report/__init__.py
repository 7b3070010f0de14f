"""What was measured, said to people: words, tables, pictures, and whole pages that need no network to be read."""
