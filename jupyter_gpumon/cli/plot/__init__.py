"""``gpumon plot``: small multiples of a recording or a run, in the terminal, as a page or as a picture."""
