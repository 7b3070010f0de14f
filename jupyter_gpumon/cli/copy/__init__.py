"""``gpumon convert`` and ``gpumon export``: recordings and databases, written anew."""
