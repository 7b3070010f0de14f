"""``gpumon dmon``: chosen fields of chosen GPUs, line by line, as ``dcgmi dmon`` prints them; without DCGM."""
