"""``gpumon run``: a task as the shell would run it, recorded while it runs, and what it cost."""
