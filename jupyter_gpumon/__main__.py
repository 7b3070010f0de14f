"""``python -m jupyter_gpumon`` is ``gpumon``."""

from .cli import main

main()
